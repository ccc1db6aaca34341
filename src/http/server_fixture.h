// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "http/raw_peer.h"
#include "http/server.h"

namespace vm0::http {

// What the streams below are made of: what a test puts in, cut where it likes.
struct Script {
  std::string text;
  std::size_t given = 0;     // of the text
  std::size_t piece = 1000;  // bytes at once
  bool is_ended = false;     // nothing will be added
  bool takes_back = true;
  int taken_back = 0;
  int alive = 0;  // sources that read it
  std::string received;
  StreamWaker* waker = nullptr;

  void Add(std::string_view more) {
    text += more;
    if (waker != nullptr) waker->Wake();
  }
  void End() {
    is_ended = true;
    if (waker != nullptr) waker->Wake();
  }
};

class ScriptSource final : public StreamSource {
 public:
  explicit ScriptSource(Script& script) : script_(script) { ++script_.alive; }
  ~ScriptSource() override {
    --script_.alive;
    script_.waker = nullptr;
  }
  void Begin(StreamWaker& waker) override { script_.waker = &waker; }
  StreamPiece Next() override {
    if (std::string_view(script_.text).substr(script_.given).starts_with("throw"))
      throw std::runtime_error("broken on purpose");
    const std::size_t rest = owed_ > 0 ? owed_ : script_.piece;
    owed_ = 0;
    auto bytes = std::make_shared<std::string>(script_.text.substr(script_.given, rest));
    before_ = script_.given;
    script_.given += bytes->size();
    return {bytes, 0, script_.is_ended && script_.given == script_.text.size()};
  }
  bool TakeBack(std::size_t taken) override {
    if (!script_.takes_back) return false;
    ++script_.taken_back;
    owed_ = script_.given - before_ - taken;
    script_.given = before_ + taken;
    return true;
  }
  StreamPiece OnSilence() override { return {std::make_shared<std::string>("(alive)"), 0, false}; }
  void Receive(std::string_view bytes) override { script_.received += bytes; }

 private:
  Script& script_;
  std::size_t before_ = 0;
  std::size_t owed_ = 0;
};

// For tests: what the routes below have seen.
struct Seen {
  std::vector<std::string> requests;
  int waiting = 0;
  int woken = 0;
  asio::steady_timer* held = nullptr;
  Script script;
};

inline asio::awaitable<void> WaitForPeer(Exchange& exchange, Seen& seen) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer wake(executor, asio::steady_timer::time_point::max());
  exchange.OnPeerClosed([&wake] { wake.cancel(); });
  ++seen.waiting;
  seen.held = &wake;
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  if (!exchange.peer_closed()) co_await wake.async_wait(token);
  seen.held = nullptr;
  if (exchange.peer_closed()) ++seen.woken;
  Response response{.status = 200, .headers = {}, .body = "waited"};
  co_await exchange.Send(std::move(response));
}

inline asio::awaitable<void> Route(Exchange& exchange, Seen& seen) {
  const Request& request = exchange.request();
  seen.requests.push_back(request.method + " " + request.target);
  if (request.target == "/wait") {
    co_await WaitForPeer(exchange, seen);
  } else if (request.target == "/stream") {
    Response head;
    head.headers.Set("Content-Type", "text/event-stream");
    exchange.Stream(std::move(head), std::make_unique<ScriptSource>(seen.script));
  } else if (request.target == "/long-head") {
    Response head;
    head.headers.Set("X-Long", std::string(20 << 20, 'x'));
    exchange.Stream(std::move(head), std::make_unique<ScriptSource>(seen.script));
  } else if (request.target == "/upgrade") {
    Response head{.status = 101, .headers = {}, .body = ""};
    head.headers.Set("Upgrade", "test");
    exchange.Stream(std::move(head), std::make_unique<ScriptSource>(seen.script));
  } else if (request.target == "/throw") {
    throw std::runtime_error("broken on purpose");
  } else if (request.target != "/silent") {
    Response response{.status = request.target == "/204" ? 204 : 200, .headers = {}, .body = ""};
    response.headers.Set("X-Injected", "a\r\nSet-Cookie: b");
    response.headers.Set("Content-Length", "999");
    if (response.status == 200)
      response.body = request.method + " " + request.target + " " + request.body;
    co_await exchange.Send(std::move(response));
  }
}

inline Response FormatError(const Error& error) {
  const CodeInfo& info = InfoOf(error.code);
  return {.status = info.http_status, .headers = {}, .body = std::string(info.name)};
}

// A server with those routes.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    char name[] = "/tmp/vm0-http-XXXXXX";
    directory_ = ::mkdtemp(name);
    Start({});
  }
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Start(ServerLimits limits) {
    server_.reset();
    auto handler = [seen = seen_](Exchange& exchange) { return Route(exchange, *seen); };
    server_ = std::make_unique<Server>(loop_, clock_, limits, handler, FormatError);
    port_ = server_->ListenTcp("127.0.0.1:0").value();
  }
  RawPeer Connect() { return RawPeer::Tcp(loop_, port_); }
  // One request on a connection of its own, to the end of the answer.
  std::string Ask(std::string_view bytes) {
    RawPeer peer = Connect();
    peer.Send(bytes);
    return peer.ReadToEnd();
  }
  void Settle() {
    loop_.restart();
    while (loop_.poll() > 0) loop_.restart();
  }

  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  asio::io_context loop_;
  os::FakeClock clock_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::string directory_;
};

}  // namespace vm0::http
