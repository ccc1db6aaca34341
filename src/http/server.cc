// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "http/listener.h"
#include "http/session.h"

namespace vm0::http {
namespace {

using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;
using ErrorCode = boost::system::error_code;

// Out of descriptors or memory: the connection stays in the backlog, and trying again at once would
// spin.
constexpr Millis kAcceptPause{100};
// Connections that are told that there are too many; above that they are just closed.
constexpr std::size_t kRefusalsAtOnce = 100;
constexpr int kAcceptsAtOnce = 64;

Protocol ProtocolOf(int fd) {
  int family = AF_INET;
  socklen_t size = sizeof family;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return Protocol(family, 0);
}

// Owns a listening socket on the loop. Held by its coroutine and the server.
struct Acceptor {
  Acceptor(asio::io_context& loop, Listener l)
      : listener(std::move(l)),
        socket(loop, ProtocolOf(listener.fd()), listener.ReleaseFd().Release()) {}

  Listener listener;
  Socket socket;
};

void Adopt(const std::shared_ptr<ServerContext>& context, Transport transport, os::Fd fd) {
  const std::size_t limit = context->limits.connections;
  const std::size_t open = context->sessions.size() + context->streams.size();
  if (open >= limit + kRefusalsAtOnce) return;
  if (transport == Transport::kTcp) {
    const int on = 1;
    const auto lost = static_cast<unsigned>(context->limits.lost.count());
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &lost, sizeof lost);
  }
  const bool refuse = open >= limit;
  const auto protocol = ProtocolOf(fd.get());
  Socket socket(context->loop);
  ErrorCode error;
  socket.assign(protocol, fd.get(), error);
  if (error) return;
  fd.Release();
  auto session = std::make_shared<Session>(context, std::move(socket), transport);
  auto work = refuse ? Session::Refuse(std::move(session)) : Session::Serve(std::move(session));
  asio::co_spawn(context->loop, std::move(work), asio::detached);
}

enum class Accepted { kMore, kNoMore, kPause };

Accepted AcceptOne(const std::shared_ptr<ServerContext>& context, Acceptor& acceptor) {
  os::Fd fd(
      ::accept4(acceptor.socket.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.is_open()) {
    Adopt(context, acceptor.listener.transport(), std::move(fd));
    return Accepted::kMore;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Accepted::kNoMore;
  if (errno == EINTR || errno == ECONNABORTED) return Accepted::kMore;
  return Accepted::kPause;
}

asio::awaitable<void> AcceptConnections(std::shared_ptr<ServerContext> context,
                                        std::shared_ptr<Acceptor> acceptor) {
  while (acceptor->socket.is_open()) {
    ErrorCode error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await acceptor->socket.async_wait(Socket::wait_read, token);
    if (error) co_return;
    Accepted accepted = Accepted::kMore;
    for (int i = 0; i < kAcceptsAtOnce && accepted == Accepted::kMore; ++i) {
      if (!acceptor->socket.is_open()) co_return;
      accepted = AcceptOne(context, *acceptor);
    }
    if (accepted == Accepted::kPause) co_await os::Sleep(context->clock, kAcceptPause);
  }
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(std::shared_ptr<ServerContext> context) : context_(std::move(context)) {
    // It outlives what it calls: the streams are a part of it.
    context_->streams.WhenOneLess([raw = context_.get()] { raw->CheckIdle(); });
  }

  ~Impl() {
    StopListening();
    context_->when_idle = nullptr;
    for (Session* session : context_->sessions) session->Abandon();
    context_->streams.CloseAll();
  }

  void Listen(Listener listener) {
    auto acceptor = std::make_shared<Acceptor>(context_->loop, std::move(listener));
    acceptors_.push_back(acceptor);
    auto work = AcceptConnections(context_, std::move(acceptor));
    asio::co_spawn(context_->loop, std::move(work), asio::detached);
  }

  void StopListening() {
    for (const auto& acceptor : acceptors_) {
      acceptor->listener.RemoveFile();
      ErrorCode ignored;
      acceptor->socket.close(ignored);
    }
    acceptors_.clear();
  }

  void CloseConnections() {
    // A handler that is woken may end sessions: each is held meanwhile.
    std::vector<std::shared_ptr<Session>> open;
    for (Session* session : context_->sessions) open.push_back(session->shared_from_this());
    for (const auto& session : open) session->Close();
    context_->streams.CloseAll();
  }

  void WhenIdle(std::function<void()> action) {
    context_->when_idle = std::move(action);
    context_->CheckIdle();
  }

  const ServerContext& context() const { return *context_; }

 private:
  std::shared_ptr<ServerContext> context_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
};

Server::Server(asio::io_context& loop, os::Clock& clock, ServerLimits limits, Handler handler,
               ErrorFormatter format_error)
    : impl_(std::make_shared<Impl>(std::make_shared<ServerContext>(
          loop, clock, limits, std::move(handler), std::move(format_error)))) {}
Server::~Server() = default;

Result<std::uint16_t> Server::ListenTcp(const std::string& address) {
  VM0_ASSIGN(Listener listener, Listener::Tcp(address));
  VM0_ASSIGN(const std::uint16_t port, listener.Port());
  impl_->Listen(std::move(listener));
  return port;
}

Status Server::ListenUnix(const std::string& path) {
  VM0_ASSIGN(Listener listener, Listener::Unix(path));
  impl_->Listen(std::move(listener));
  return {};
}

void Server::StopListening() { impl_->StopListening(); }
void Server::CloseConnections() { impl_->CloseConnections(); }
std::size_t Server::open_connections() const {
  return impl_->context().sessions.size() + open_streams();
}
std::size_t Server::open_streams() const { return impl_->context().streams.size(); }
const ServerCounts& Server::counts() const { return impl_->context().streams.counts(); }
void Server::WhenIdle(std::function<void()> action) { impl_->WhenIdle(std::move(action)); }
std::size_t Server::active_exchanges() const { return impl_->context().active_exchanges; }

}  // namespace vm0::http
