// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "http/server.h"
#include "http/socket_write.h"
#include "http/streams.h"
#include "os/clock.h"

namespace vm0::http {

class RequestParser;
class Session;

// What the connections of one server share.
struct ServerContext {
  ServerContext(asio::io_context& l, os::Clock& c, ServerLimits li, Handler h, ErrorFormatter f)
      : loop(l), clock(c), limits(li), handler(std::move(h)), format_error(std::move(f)) {}

  asio::io_context& loop;
  os::Clock& clock;
  ServerLimits limits;
  Handler handler;
  ErrorFormatter format_error;
  // Those that live; each puts itself in and takes itself out.
  std::unordered_set<Session*> sessions = {};
  std::size_t active_exchanges = 0;
  Streams streams = Streams(loop, clock, limits);
  std::function<void()> when_idle = nullptr;
  // Where bytes are received: idle connections need no buffer of their own.
  std::string receive_buffer = std::string(64 << 10, '\0');

  void EndExchange();
  // Calls when_idle if nothing is under way.
  void CheckIdle();
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
  void Stream(Response head, std::unique_ptr<StreamSource> source) override;

 private:
  enum class Answer { kNone, kSent, kStreaming };

  // True when request_ holds one; false when the connection has ended.
  asio::awaitable<Result<bool>> ReadRequest();
  Status ParseInput(RequestParser& parser);
  asio::awaitable<bool> ReadMore();
  // True when the connection may carry another request.
  asio::awaitable<bool> RunHandler();
  asio::awaitable<bool> FinishAnswer(std::optional<std::string> problem);
  // Writes the stream's head; the connection becomes its, unless the request is a HEAD.
  asio::awaitable<bool> BeginStream();
  asio::awaitable<void> AnswerError(Error error);
  asio::awaitable<void> Linger();
  // All parts, in one system call where the socket takes them.
  asio::awaitable<bool> WriteParts(http::WriteParts parts);
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
  std::optional<Response> stream_head_;
  std::unique_ptr<StreamSource> stream_source_;
  bool watching_ = false;
  bool peer_closed_ = false;  // or broken: nothing more can be written
  std::vector<std::function<void()>> on_peer_closed_;
  std::size_t written_since_yield_ = 0;
};

}  // namespace vm0::http
