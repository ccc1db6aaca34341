// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/message.h"
#include "http/stream_source.h"
#include "os/clock.h"

namespace vm0::http {

namespace asio = boost::asio;

enum class Transport { kTcp, kUnix };

// One request and the way to answer it. Lives until the handler's coroutine has returned.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  virtual Transport transport() const = 0;
  // Set when the peer has gone away while the handler waits: long waits poll it after each wake.
  virtual bool peer_closed() const = 0;
  // Calls `action` once when the peer goes away (or at once if it has); to wake a handler that
  // waits.
  virtual void OnPeerClosed(std::function<void()> action) = 0;
  // The whole answer. Exactly once, instead of Stream.
  virtual asio::awaitable<void> Send(Response response) = 0;
  // A long answer: status and headers, then what `source` gives. Takes the connection over when the
  // handler returns, so that a waiting reader costs little, and closes it after the last piece.
  // Chunked; HTTP/1.0: until close; status 101: the bytes as they are. Instead of Send.
  virtual void Stream(Response head, std::unique_ptr<StreamSource> source) = 0;
};

using Handler = std::function<asio::awaitable<void>(Exchange&)>;

struct ServerLimits {
  std::size_t header_bytes = 16 << 10;
  std::size_t body_bytes = 32 << 20;
  std::size_t connections = 20'000;
  Seconds idle = Seconds{75};     // a kept-alive connection without a request
  Seconds request = Seconds{30};  // from a request's first byte to its last header; for the body
                                  // no 30 s without a byte
  Seconds write = Seconds{30};    // one write to a peer that does not read
  Seconds silence = Seconds{15};  // until a stream that has nothing to say shows that it lives
  Millis lost = Seconds{30};      // a peer that acknowledges nothing (TCP)
};

// What did not end well.
struct ServerCounts {
  std::uint64_t refused = 0;  // requests that no handler saw: malformed, or a connection too many
  std::uint64_t stalled = 0;  // streams that were cut off: their peers did not read for `write`
  std::uint64_t lost = 0;     // streams whose peers fell silent
};

// Answers what could not be parsed: the server knows HTTP but not the shape of error bodies.
using ErrorFormatter = std::function<Response(const Error&)>;

// An HTTP/1.1 server over TCP and unix sockets: keep-alive, pipelining in order, chunked bodies,
// Expect: 100-continue. Knows nothing of runs. Single-threaded on `loop`. A handler that throws is
// answered with 500 and logged. Long answers and WebSockets leave their session and become a
// Stream.
class Server {
 public:
  Server(asio::io_context& loop, os::Clock& clock, ServerLimits limits, Handler handler,
         ErrorFormatter format_error);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // "127.0.0.1:8400", "[::1]:0"; gives the port that it got. kIo naming the address otherwise.
  Result<std::uint16_t> ListenTcp(const std::string& address);
  // Replaces a stale socket file: the caller holds the lock that proves nobody listens. Mode 0600.
  // The path may be longer than sun_path: bound through the directory's descriptor.
  Status ListenUnix(const std::string& path);
  // No new connections; removes the socket file. Open ones go on until CloseConnections.
  void StopListening();
  void CloseConnections();
  std::size_t open_connections() const;
  // Exchanges whose handler has not returned.
  std::size_t active_exchanges() const;
  std::size_t open_streams() const;
  const ServerCounts& counts() const;
  // Calls `action` once, as soon as no exchange is under way and no stream has anything to write.
  void WhenIdle(std::function<void()> action);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vm0::http
