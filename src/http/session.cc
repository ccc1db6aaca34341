// SPDX-License-Identifier: Apache-2.0
#include "http/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "http/parser.h"
#include "http/stream.h"
#include "http/wire.h"

namespace vm0::http {
namespace {

// How long a peer that was refused may go on sending before it is cut off. Closing at once would
// reset the connection and could take our answer from it.
constexpr Seconds kLinger{2};

}  // namespace

Session::Session(std::shared_ptr<ServerContext> context, Socket socket, Transport transport)
    : context_(std::move(context)), socket_(std::move(socket)), transport_(transport) {
  context_->sessions.insert(this);
}

Session::~Session() { context_->sessions.erase(this); }

asio::awaitable<void> Session::Serve(std::shared_ptr<Session> self) {
  for (;;) {
    auto read = co_await self->ReadRequest();
    if (!read) {
      co_await self->AnswerError(read.error());
      break;
    }
    if (!*read) break;
    const bool again = co_await self->RunHandler();
    if (!again) break;
  }
  self->Close();
}

asio::awaitable<void> Session::Refuse(std::shared_ptr<Session> self) {
  Error error{Code::kUnavailable, "too many connections; try again later"};
  co_await self->AnswerError(error);
  self->Close();
}

void Session::Close() {
  Abandon();
  TellPeerClosed();
}

void Session::Abandon() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.Cancel();
  timer_at_.reset();
  deadline_.reset();
}

void ServerContext::EndExchange() {
  --active_exchanges;
  CheckIdle();
}

void ServerContext::CheckIdle() {
  if (active_exchanges > 0 || streams.active() > 0 || !when_idle) return;
  asio::post(loop, std::exchange(when_idle, nullptr));
}

// --- Reading ---

asio::awaitable<bool> Session::WaitFor(Socket::wait_type what) {
  if (!socket_.is_open()) co_return false;
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await socket_.async_wait(what, token);
  co_return !error && socket_.is_open();
}

asio::awaitable<bool> Session::ReadMore() {
  std::string& buffer = context_->receive_buffer;
  for (;;) {
    const bool ready = co_await WaitFor(Socket::wait_read);
    if (!ready) co_return false;
    const auto count = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) {
      input_.append(buffer, 0, static_cast<std::size_t>(count));
      co_return true;
    }
    if (count == 0 || !WouldBlock(errno)) co_return false;
  }
}

Status Session::ParseInput(RequestParser& parser) {
  const std::size_t limit = context_->limits.header_bytes;
  VM0_ASSIGN(const std::size_t taken, parser.Put(input_));
  input_.erase(0, taken);
  // The first byte to the last header have one deadline; each piece of the body has its own.
  if (parser.header_done()) SetDeadline(context_->limits.request);
  if (!parser.done() && input_.size() > limit) {
    return Fail(Code::kBadRequest, "malformed HTTP message: no end of a line");
  }
  return {};
}

asio::awaitable<Result<bool>> Session::ReadRequest() {
  const ServerLimits& limits = context_->limits;
  RequestParser parser({limits.header_bytes, limits.body_bytes});
  bool begun = false;
  bool continued = false;
  for (;;) {
    if (!begun && input_.empty()) {
      input_ = {};
      SetDeadline(limits.idle);
    } else {
      if (!std::exchange(begun, true)) SetDeadline(limits.request);
      const auto parsed = ParseInput(parser);
      if (!parsed) co_return Fail(parsed.error());
      if (parser.done()) break;
    }
    if (parser.header_done() && !continued && parser.expects_continue()) {
      continued = true;
      const bool written = co_await WriteParts({"HTTP/1.1 100 Continue\r\n\r\n", "", ""});
      if (!written) co_return false;
      SetDeadline(limits.request);
    }
    const bool more = co_await ReadMore();
    if (!more) co_return false;
  }
  deadline_.reset();
  http_1_0_ = parser.is_http_1_0();
  keep_alive_ = parser.keep_alive();
  request_ = parser.Take();
  co_return true;
}

// --- Running ---

asio::awaitable<bool> Session::RunHandler() {
  answer_ = Answer::kNone;
  in_handler_ = true;
  ++context_->active_exchanges;
  std::optional<std::string> problem;
  try {
    auto work = context_->handler(*this);
    co_await std::move(work);
    if (answer_ == Answer::kNone) problem = "the handler did not answer";
  } catch (const std::exception& exception) {
    problem = exception.what();
  }
  in_handler_ = false;
  on_peer_closed_.clear();
  if (watching_ && socket_.is_open()) {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }
  const bool again = co_await FinishAnswer(std::move(problem));
  request_ = {};
  context_->EndExchange();
  co_return again;
}

asio::awaitable<bool> Session::FinishAnswer(std::optional<std::string> problem) {
  if (problem) {
    std::clog << "http: " << request_.method << ' ' << request_.target << ": " << *problem << '\n';
    if (answer_ != Answer::kNone) co_return false;
    auto response =
        context_->format_error({Code::kInternal, "internal error; see the server's log"});
    co_await Send(std::move(response));
  }
  if (answer_ == Answer::kStreaming) co_return co_await BeginStream();
  co_return keep_alive_ && !peer_closed_ && socket_.is_open();
}

asio::awaitable<void> Session::AnswerError(Error error) {
  ++context_->streams.counts().refused;
  keep_alive_ = false;
  answer_ = Answer::kNone;
  request_ = {};
  auto response = context_->format_error(error);
  co_await Send(std::move(response));
  co_await Linger();
}

asio::awaitable<void> Session::Linger() {
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  SetDeadline(kLinger);
  for (;;) {
    const bool more = co_await ReadMore();
    if (!more) break;
    input_.clear();
  }
}

// --- Answering ---

std::string_view Session::ConnectionField() const {
  if (!keep_alive_) return "close";
  return http_1_0_ ? "keep-alive" : "";
}

asio::awaitable<void> Session::Send(Response response) {
  if (answer_ != Answer::kNone) throw std::logic_error("a request is answered once");
  answer_ = Answer::kSent;
  if (response.headers.Find("Connection") == "close") keep_alive_ = false;
  const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
  const std::string head =
      FormatResponseHead({.status = response.status,
                          .framing = bodiless ? Framing::kNone : Framing::kLength,
                          .length = response.body.size(),
                          .connection = ConnectionField()},
                         response.headers);
  const bool with_body = !bodiless && request_.method != "HEAD";
  const std::string_view body = with_body ? std::string_view(response.body) : "";
  (void)co_await WriteParts({head, body, ""});
}

void Session::Stream(Response head, std::unique_ptr<StreamSource> source) {
  if (answer_ != Answer::kNone) throw std::logic_error("a request is answered once");
  answer_ = Answer::kStreaming;
  stream_head_ = std::move(head);
  stream_source_ = std::move(source);
}

asio::awaitable<bool> Session::BeginStream() {
  const bool is_head = request_.method == "HEAD";
  const bool is_upgrade = stream_head_->status == 101;
  const Framing framing = http_1_0_ || is_upgrade ? Framing::kUntilClose : Framing::kChunked;
  if (!is_head || http_1_0_) keep_alive_ = false;
  std::string head = FormatResponseHead(
      {.status = stream_head_->status,
       .framing = framing,
       .connection = is_upgrade ? std::string_view("Upgrade") : ConnectionField()},
      stream_head_->headers);
  stream_head_.reset();
  auto source = std::exchange(stream_source_, nullptr);
  if (is_head) {
    source.reset();  // this frame may outlive what it borrows
    (void)co_await WriteParts({head, "", ""});
    co_return keep_alive_ && !peer_closed_ && socket_.is_open();
  }
  if (peer_closed_ || !socket_.is_open()) co_return false;
  const auto stream =
      std::make_shared<http::Stream>(context_, std::move(socket_), std::move(source));
  stream->Begin(std::move(head), framing, input_);
  co_return false;
}

asio::awaitable<bool> Session::WriteParts(http::WriteParts parts) {
  const auto pending = [&parts] {
    return std::ranges::any_of(parts, [](std::string_view part) { return !part.empty(); });
  };
  while (pending()) {
    const auto count = socket_.is_open() ? SendSome(socket_.native_handle(), parts) : std::nullopt;
    if (!count) {
      TellPeerClosed();
      co_return false;
    }
    written_since_yield_ += *count;
    if (*count > 0) continue;
    SetDeadline(context_->limits.write);
    const bool ready = co_await WaitFor(Socket::wait_write);
    deadline_.reset();
    if (!ready) co_return false;
    written_since_yield_ = 0;
  }
  if (written_since_yield_ > kYieldAfter) {
    written_since_yield_ = 0;
    co_await asio::post(context_->loop, asio::use_awaitable);
  }
  co_return socket_.is_open();
}

// --- The peer goes away ---

bool Session::peer_closed() const {
  if (peer_closed_ || !socket_.is_open()) return true;
  char next = 0;
  const auto count =
      ::recv(const_cast<Socket&>(socket_).native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && !WouldBlock(errno));
}

void Session::OnPeerClosed(std::function<void()> action) {
  if (peer_closed()) return action();
  on_peer_closed_.push_back(std::move(action));
  WatchPeer();
}

void Session::WatchPeer() {
  if (watching_ || !socket_.is_open()) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->watching_ = false;
                       if (!error) return self->TakeEarlyInput();
                       // Cancelled at the end of an exchange; the next one may watch already.
                       if (!self->on_peer_closed_.empty()) self->WatchPeer();
                     });
}

// The next request may have come already (pipelining): its bytes are kept, for the end of the
// connection shows only behind them.
void Session::TakeEarlyInput() {
  if (!in_handler_ || !socket_.is_open()) return;
  const std::size_t limit = context_->limits.header_bytes;
  if (input_.size() >= limit) return;
  std::string& buffer = context_->receive_buffer;
  const auto room = std::min(buffer.size(), limit - input_.size());
  const auto count = ::recv(socket_.native_handle(), buffer.data(), room, MSG_DONTWAIT);
  if (count == 0 || (count < 0 && !WouldBlock(errno))) return TellPeerClosed();
  if (count > 0) input_.append(buffer, 0, static_cast<std::size_t>(count));
  WatchPeer();
}

void Session::TellPeerClosed() {
  peer_closed_ = true;
  const auto actions = std::exchange(on_peer_closed_, {});
  for (const auto& action : actions) action();
}

// --- Deadlines ---

void Session::SetDeadline(Micros delay) {
  deadline_ = context_->clock.Now() + delay;
  if (!timer_at_ || *deadline_ < *timer_at_) ArmTimer(*deadline_);
}

void Session::ArmTimer(MonoTime at) {
  timer_at_ = at;
  timer_ = os::Timer(context_->clock, at, [this] { OnTimer(); });
}

void Session::OnTimer() {
  timer_at_.reset();
  if (!deadline_) return;
  if (context_->clock.Now() < *deadline_) return ArmTimer(*deadline_);
  Close();
}

}  // namespace vm0::http
