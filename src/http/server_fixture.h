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

// For tests: what the routes below have seen.
struct Seen {
  std::vector<std::string> requests;
  int waiting = 0;
  int woken = 0;
  int write_failed = 0;
  std::size_t flooded = 0;
  asio::steady_timer* held = nullptr;
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

enum class Length { kShort, kEndless };

inline asio::awaitable<void> Stream(Exchange& exchange, Seen& seen, Length length) {
  const bool flood = length == Length::kEndless;
  Response head;
  head.headers.Set("Content-Type", "text/event-stream");
  co_await exchange.StartStream(std::move(head));
  for (int i = 0; flood || i < 3; ++i) {
    std::string piece = flood ? std::string(1 << 20, 'x') : std::to_string(i);
    if (i == 1 && !flood) piece = "";  // must not end the stream
    seen.flooded += piece.size();
    const bool written = co_await exchange.Write(std::move(piece));
    if (!written) {
      ++seen.write_failed;
      co_return;
    }
  }
}

inline asio::awaitable<void> Route(Exchange& exchange, Seen& seen) {
  const Request& request = exchange.request();
  seen.requests.push_back(request.method + " " + request.target);
  if (request.target == "/wait") {
    co_await WaitForPeer(exchange, seen);
  } else if (request.target == "/stream" || request.target == "/flood") {
    const auto length = request.target == "/flood" ? Length::kEndless : Length::kShort;
    co_await Stream(exchange, seen, length);
  } else if (request.target == "/throw") {
    throw std::runtime_error("broken on purpose");
  } else if (request.target == "/throw-late") {
    Response head;
    co_await exchange.StartStream(std::move(head));
    std::string piece = "begun";
    (void)co_await exchange.Write(std::move(piece));
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
