// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"

namespace vm0::http {

// A connection of a client. Close may be called at any time, while others wait too; all of them
// then fail. Errors are kUnreachable, with a reason and without the endpoint's name.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual asio::awaitable<Status> Connect() = 0;
  // Both, in one system call where possible; they must live until it returns.
  virtual asio::awaitable<Status> Write(std::string_view head, std::string_view body) = 0;
  // Some bytes, behind `out`; 0 at the end.
  virtual asio::awaitable<Result<std::size_t>> Read(std::string& out) = 0;
  // Nothing more will be written; the peer reads the end. Without meaning, and without effect, for
  // https.
  virtual void EndWriting() = 0;
  virtual void Close() = 0;
  // True if it can't carry another request: the peer has closed it, or sent what nobody asked for.
  virtual bool IsStale() = 0;
};

// Makes connections to one endpoint; they are not connected yet.
class Dialer {
 public:
  Dialer(asio::io_context& loop, Endpoint endpoint);
  ~Dialer();
  std::shared_ptr<Connection> Dial();
  // To this very address, without a look-up; https still wants the endpoint's name in the server's
  // certificate. Not for unix sockets.
  std::shared_ptr<Connection> Dial(asio::ip::tcp::endpoint address);

 private:
  struct Tls;
  std::shared_ptr<Connection> Make(std::optional<asio::ip::tcp::endpoint> address);
  asio::io_context& loop_;
  Endpoint endpoint_;
  std::unique_ptr<Tls> tls_;  // made for the first https connection: it costs more than a start
};

namespace detail {

// The transport of all connections: TCP or a unix socket.
class PlainSocket {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  // Without `address` it looks the endpoint's up.
  PlainSocket(asio::io_context& loop, Endpoint endpoint,
              std::optional<asio::ip::tcp::endpoint> address);
  ~PlainSocket();

  asio::awaitable<Status> Connect();
  void Close();
  enum class Pending { kNothing, kBytes, kEnd };
  Pending Peek();
  Socket& socket() { return socket_; }

 private:
  struct Resolver;
  Status ConnectUnix();
  asio::awaitable<Status> ConnectTcp();
  asio::awaitable<Status> ConnectTo(asio::generic::stream_protocol::endpoint address);

  Endpoint endpoint_;
  std::optional<asio::ip::tcp::endpoint> address_;
  Socket socket_;
  std::unique_ptr<Resolver> resolver_;
  bool closed_ = false;
};

std::unexpected<Error> Broken(std::string_view operation, const boost::system::error_code& error);

}  // namespace detail

}  // namespace vm0::http
