// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/message.h"
#include "os/clock.h"

namespace vm0::http {

namespace asio = boost::asio;

// Where a server is: "unix:/path/server.sock", "http://host:port" or "https://host[:port]"; a path
// after the host is put before every target.
struct Endpoint {
  enum class Kind { kUnix, kHttp, kHttps };
  Kind kind = Kind::kHttp;
  std::string host;  // or the socket's path
  std::string port;
  std::string base_path;

  // kBadRequest that shows the forms.
  static Result<Endpoint> Parse(const std::string& url);
  std::string ToString() const;
  // The value of Host: "localhost" for a unix socket; the port unless it is the default.
  std::string Authority() const;
};

// A response whose body is read while it comes.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // Without body; but of a status that is no 2xx with all of it (64 KiB at most), and nothing to
  // read.
  virtual const Response& head() const = 0;
  // The next bytes; an empty string at the regular end; kUnreachable when the connection broke.
  virtual asio::awaitable<Result<std::string>> Read() = 0;
  // Unblocks Read, which then fails.
  virtual void Close() = 0;
};

// A WebSocket of a client: the server's text messages as they come. Answers pings.
class WebSocketStream {
 public:
  virtual ~WebSocketStream() = default;
  // The next message; an empty one may also be a ping, a sign of life. nullopt when the server has
  // closed in order, see close_code(). kUnreachable when the connection broke or what came is no
  // WebSocket.
  virtual asio::awaitable<Result<std::optional<std::string>>> Read() = 0;
  virtual int close_code() const = 0;
  // Unblocks Read, which then fails.
  virtual void Close() = 0;
};
// What came of a request for one: a WebSocket, or else a refusal with its body (64 KiB at most).
struct WebSocketAnswer {
  std::unique_ptr<WebSocketStream> stream;
  Response refusal;
};

// A body that is too large for memory: a file between two texts, as multipart/form-data has it.
struct FileBody {
  std::string before;
  int file = -1;         // read from its start with pread; borrowed
  std::size_t size = 0;  // how much of it
  std::string after;
};

// An HTTP/1.1 client of one endpoint: one kept-alive connection for Send (calls queue up), a new
// connection for each stream. Loop thread only. Never retries by itself but for one case: a
// kept-alive connection that the server had closed before it answered a byte of a request that is
// GET or carries an Idempotency-Key. Errors: kUnreachable (refused, closed, not HTTP; message names
// the endpoint), kDeadline. A response of any status is a success here.
class Client {
 public:
  Client(asio::io_context& loop, os::Clock& clock, Endpoint endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  // `timeout` covers all of it: connect, send, the whole answer. Bodies above 64 MiB fail.
  asio::awaitable<Result<Response>> Send(Request request, Micros timeout);
  // The same with a body from a file, over a connection of its own; reads block. `stall`: the
  // longest time without progress. kIo when the file can't be read, or is shorter by now.
  asio::awaitable<Result<Response>> Upload(Request request, FileBody body, Micros stall);
  // The head must arrive within `timeout`, and the body of an error; after that there is no limit.
  asio::awaitable<Result<std::unique_ptr<ResponseStream>>> OpenStream(Request request,
                                                                      Micros timeout);
  // `request` without what WebSocket needs. The answer must have come within `timeout`.
  asio::awaitable<Result<WebSocketAnswer>> OpenWebSocket(Request request, Micros timeout);
  // Ends the kept connection and everything that waits on it (fails with kUnreachable).
  void Close();

 private:
  class Impl;
  Endpoint endpoint_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vm0::http
