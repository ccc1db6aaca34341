// SPDX-License-Identifier: Apache-2.0
#include "egress/agent_socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace vm0::egress {
namespace {

using ErrorCode = boost::system::error_code;

constexpr std::size_t kReadStep = 32 << 10;

std::unexpected<Error> Broken(const ErrorCode& error) {
  return Fail(Code::kUnreachable, "the agent's connection: " + error.message());
}

asio::ip::tcp FamilyOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
}

}  // namespace

AgentSocket::AgentSocket(asio::io_context& loop, os::Fd socket) : socket_(loop) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ErrorCode error;
  socket_.assign(FamilyOf(socket.get()), socket.get(), error);
  if (!error) socket.Release();
}

asio::awaitable<Result<std::size_t>> AgentSocket::Read() {
  const std::size_t size = input_.size();
  input_.resize(size + kReadStep);
  const auto buffer = asio::buffer(input_.data() + size, kReadStep);
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const std::size_t count = co_await socket_.async_read_some(buffer, token);
  input_.resize(size + count);
  if (error && error != asio::error::eof) co_return Broken(error);
  co_return count;
}

asio::awaitable<Status> AgentSocket::Write(std::string_view first, std::string_view second) {
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(first), asio::buffer(second)};
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await asio::async_write(socket_, buffers, token);
  if (error) co_return Broken(error);
  co_return Status{};
}

asio::awaitable<bool> AgentSocket::AwaitGone() {
  if (!input_.empty()) co_return false;
  ErrorCode error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await socket_.async_wait(asio::socket_base::wait_read, token);
  if (error) co_return error != asio::error::operation_aborted;
  char next = 0;
  const auto count = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  co_return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

void AgentSocket::CancelReading() {
  ErrorCode ignored;
  socket_.cancel(ignored);
}

void AgentSocket::EndWriting() {
  ErrorCode ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void AgentSocket::Close() {
  ErrorCode ignored;
  socket_.close(ignored);
}

}  // namespace vm0::egress
