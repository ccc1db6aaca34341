// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "http/server.h"
#include "http/wire.h"
#include "os/clock.h"

namespace vm0::http {

class RequestParser;
class Session;

// What the connections of one server share.
struct ServerContext {
  asio::io_context& loop;
  os::Clock& clock;
  ServerLimits limits;
  Handler handler;
  ErrorFormatter format_error;
  // Those that live; each puts itself in and takes itself out.
  std::unordered_set<Session*> sessions = {};
  std::size_t active_exchanges = 0;
  // Where bytes are received: idle connections need no buffer of their own.
  std::string receive_buffer = std::string(64 << 10, '\0');
};

// One connection of a server. Held by its coroutine.
class Session final : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  Session(std::shared_ptr<ServerContext> context, Socket socket, Transport transport);
  ~Session() override;

  // Serves requests until the connection ends.
  static asio::awaitable<void> Serve(std::shared_ptr<Session> self);
  // Answers 503 and closes.
  static asio::awaitable<void> Refuse(std::shared_ptr<Session> self);
  // Ends the connection and wakes a handler that waits.
  void Close();
  // Ends the connection and calls nobody: the server is being destroyed.
  void Abandon();

  const Request& request() const override { return request_; }
  Transport transport() const override { return transport_; }
  bool peer_closed() const override;
  void OnPeerClosed(std::function<void()> action) override;
  asio::awaitable<void> Send(Response response) override;
  asio::awaitable<void> StartStream(Response head) override;
  asio::awaitable<bool> Write(std::string bytes) override;

 private:
  enum class Answer { kNone, kSent, kStreaming };
  using Parts = std::array<std::string_view, 3>;

  // True when request_ holds one; false when the connection has ended.
  asio::awaitable<Result<bool>> ReadRequest();
  Status ParseInput(RequestParser& parser);
  asio::awaitable<bool> ReadMore();
  // True when the connection may carry another request.
  asio::awaitable<bool> RunHandler();
  asio::awaitable<bool> FinishAnswer(std::optional<std::string> problem);
  asio::awaitable<void> AnswerError(Error error);
  asio::awaitable<void> Linger();
  // All parts, in one system call where the socket takes them.
  asio::awaitable<bool> WriteParts(Parts parts);
  // What the socket takes of the parts now, which is removed from them; nullopt when it is broken.
  std::optional<std::size_t> SendSome(Parts& parts);
  asio::awaitable<bool> WaitFor(Socket::wait_type what);

  std::string_view ConnectionField() const;
  void WatchPeer();
  void TakeEarlyInput();
  void TellPeerClosed();
  void SetDeadline(Micros delay);
  void ArmTimer(MonoTime at);
  void OnTimer();

  std::shared_ptr<ServerContext> context_;
  Socket socket_;
  Transport transport_;
  std::string input_;  // received, not parsed yet
  // The timer may fire earlier than the deadline and is then set again: most deadlines are moved
  // long before they come.
  std::optional<MonoTime> deadline_;
  std::optional<MonoTime> timer_at_;
  os::Timer timer_;

  // Of the present exchange.
  Request request_;
  bool http_1_0_ = false;
  bool keep_alive_ = false;
  bool in_handler_ = false;
  Answer answer_ = Answer::kNone;
  Framing framing_ = Framing::kLength;
  bool watching_ = false;
  bool peer_closed_ = false;  // or broken: nothing more can be written
  std::vector<std::function<void()>> on_peer_closed_;
  std::size_t written_since_yield_ = 0;
};

}  // namespace vm0::http
