// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>

#include "os/unix_address.h"

namespace vm0::http::detail {

using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;

std::unexpected<Error> Broken(std::string_view operation, const ErrorCode& error) {
  return Fail(Code::kUnreachable, std::string(operation) + ": " + error.message());
}

struct PlainSocket::Resolver {
  explicit Resolver(Socket::executor_type executor) : resolver(executor) {}
  Tcp::resolver resolver;
};

PlainSocket::PlainSocket(asio::io_context& loop, Endpoint endpoint,
                         std::optional<Tcp::endpoint> address)
    : endpoint_(std::move(endpoint)), address_(address), socket_(loop) {}
PlainSocket::~PlainSocket() = default;

asio::awaitable<Status> PlainSocket::Connect() {
  if (endpoint_.kind == Endpoint::Kind::kUnix) co_return ConnectUnix();
  co_return co_await ConnectTcp();
}

// Never waits: a unix socket's connect succeeds or fails at once (EAGAIN when the backlog is full).
Status PlainSocket::ConnectUnix() {
  const auto address = os::MakeUnixAddress(endpoint_.host);
  if (!address) return Fail(Code::kUnreachable, address.error().message);
  os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open() || ::connect(fd.get(), address->data(), address->size()) != 0) {
    return Broken("connect", ErrorCode(errno, boost::system::system_category()));
  }
  ErrorCode error;
  socket_.assign({AF_UNIX, 0}, fd.get(), error);
  if (error) return Broken("connect", error);
  fd.Release();
  return {};
}

asio::awaitable<Status> PlainSocket::ConnectTcp() {
  if (address_) {
    const asio::generic::stream_protocol::endpoint address(*address_);
    co_return co_await ConnectTo(address);
  }
  ErrorCode error;
  Tcp::resolver::results_type found;
  const auto numeric = asio::ip::make_address(endpoint_.host, error);
  if (!error) {
    const auto port = static_cast<std::uint16_t>(std::atoi(endpoint_.port.c_str()));
    found = Tcp::resolver::results_type::create(Tcp::endpoint(numeric, port), "", "");
  } else {
    resolver_ = std::make_unique<Resolver>(socket_.get_executor());
    auto token = asio::redirect_error(asio::use_awaitable, error);
    found = co_await resolver_->resolver.async_resolve(endpoint_.host, endpoint_.port, token);
    if (error) co_return Broken("look up " + endpoint_.host, error);
  }
  Status status = Fail(Code::kUnreachable, "no address");
  for (const auto& entry : found) {
    const asio::generic::stream_protocol::endpoint address(entry.endpoint());
    status = co_await ConnectTo(address);
    if (status || closed_) break;
  }
  co_return status;
}

asio::awaitable<Status> PlainSocket::ConnectTo(asio::generic::stream_protocol::endpoint address) {
  if (closed_) co_return Fail(Code::kUnreachable, "closed");
  const int family = address.protocol().family();
  os::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) co_return Fail(Code::kUnreachable, SystemError("socket").message);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ErrorCode error;
  socket_.close(error);
  socket_.assign(address.protocol(), fd.get(), error);
  if (error) co_return Broken("connect", error);
  fd.Release();
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await socket_.async_connect(address, token);
  if (error) co_return Broken("connect", error);
  co_return Status{};
}

void PlainSocket::Close() {
  closed_ = true;
  ErrorCode ignored;
  if (resolver_) resolver_->resolver.cancel();
  socket_.close(ignored);
}

PlainSocket::Pending PlainSocket::Peek() {
  if (!socket_.is_open()) return Pending::kEnd;
  char next = 0;
  const auto count = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count > 0) return Pending::kBytes;
  const bool quiet = count < 0 && (errno == EAGAIN || errno == EINTR);
  return quiet ? Pending::kNothing : Pending::kEnd;
}

}  // namespace vm0::http::detail
