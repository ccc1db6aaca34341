// SPDX-License-Identifier: Apache-2.0
#include "egress/proxy.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <set>

#include "egress/session.h"

namespace vm0::egress {
namespace {

using ErrorCode = boost::system::error_code;

// After an error that may pass, such as too many open files.
constexpr Millis kAcceptPause{100};

std::uint16_t PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

class Proxy::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, os::Clock& clock, Options options)
      : context_(std::make_shared<SessionContext>(loop, clock, std::move(options))),
        listener_(loop),
        changed_(loop, asio::steady_timer::time_point::max()) {
    Options& all = context_->options;
    if (!all.resolver) all.resolver = MakeSystemResolver(loop);
    if (all.gateway) context_->gateway.emplace(loop, all.gateway->upstream);
  }

  void Serve(os::Fd listener) {
    context_->own_port = PortOf(listener.get());
    listener_.assign(listener.Release());
    asio::co_spawn(context_->loop, Accept(shared_from_this()), Rethrow);
  }

  void Stop() {
    stopped_ = true;
    ErrorCode ignored;
    listener_.close(ignored);
    changed_.cancel();
    for (const auto& session : sessions_) session->Stop();
  }

 private:
  static void Rethrow(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  }

  static asio::awaitable<void> Accept(std::shared_ptr<Impl> self) {
    while (!self->stopped_) {
      if (self->sessions_.size() >= kMaxConnections) {
        co_await self->AwaitChange();
        continue;
      }
      ErrorCode error;
      auto token = asio::redirect_error(asio::use_awaitable, error);
      co_await self->listener_.async_wait(asio::posix::stream_descriptor::wait_read, token);
      if (self->stopped_ || error) co_return;
      if (!self->TakeOne()) co_await os::Sleep(self->context_->clock, kAcceptPause);
    }
  }

  asio::awaitable<void> AwaitChange() {
    ErrorCode ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await changed_.async_wait(token);
  }

  // False when it is of no use to try again at once.
  bool TakeOne() {
    const int fd =
        ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    const auto session = std::make_shared<Session>(context_, os::Fd(fd));
    sessions_.insert(session);
    auto self = shared_from_this();
    asio::co_spawn(context_->loop, session->Run(), [self, session](std::exception_ptr failure) {
      self->sessions_.erase(session);
      self->changed_.cancel();
      Rethrow(failure);
    });
    return true;
  }

  std::shared_ptr<SessionContext> context_;
  asio::posix::stream_descriptor listener_;
  asio::steady_timer changed_;  // never expires
  std::set<std::shared_ptr<Session>> sessions_;
  bool stopped_ = false;
};

Proxy::Proxy(asio::io_context& loop, os::Clock& clock, Options options)
    : impl_(std::make_shared<Impl>(loop, clock, std::move(options))) {}
Proxy::~Proxy() { Stop(); }

void Proxy::Serve(os::Fd listener) { impl_->Serve(std::move(listener)); }
void Proxy::Stop() { impl_->Stop(); }

}  // namespace vm0::egress
