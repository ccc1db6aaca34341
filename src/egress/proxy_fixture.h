// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <map>
#include <string>
#include <vector>

#include "egress/proxy.h"
#include "http/listener.h"
#include "http/raw_peer.h"

namespace vm0::egress {

// The names that a test knows. Each look-up takes the next answer; the last one stays.
class FakeResolver final : public Resolver {
 public:
  asio::awaitable<Result<std::vector<asio::ip::address>>> Resolve(std::string host) override {
    asked.push_back(host);
    auto& answers = names[host];
    if (answers.empty()) co_return Fail(Code::kUnreachable, "look up " + host + ": not found");
    std::vector<asio::ip::address> addresses;
    for (const std::string& text : answers.front()) {
      addresses.push_back(asio::ip::make_address(text));
    }
    if (answers.size() > 1) answers.erase(answers.begin());
    co_return addresses;
  }

  std::map<std::string, std::vector<std::vector<std::string>>> names;
  std::vector<std::string> asked;
};

// A server on the loopback, whose connections a test plays byte by byte.
class TestServer {
 public:
  explicit TestServer(asio::io_context& loop) : loop_(loop) {}

  std::string port() const { return std::to_string(*listener_.Port()); }
  http::RawPeer Accept() {
    int fd = -1;
    http::RunUntil(loop_, [&] {
      if (fd < 0) fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      return fd >= 0;
    });
    return {loop_, os::Fd(fd)};
  }
  // Before the proxy knows that it is connected.
  http::RawPeer AcceptEarly() {
    int fd = -1;
    while (fd < 0) {
      loop_.restart();
      loop_.poll_one();
      fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    }
    return {loop_, os::Fd(fd)};
  }
  bool HasConnection() {
    const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  }

 private:
  asio::io_context& loop_;
  http::Listener listener_ = http::Listener::Tcp("127.0.0.1:0").value();
};

// A proxy on the loopback, an agent and servers, all in one thread.
class ProxyFixture : public testing::Test {
 protected:
  ~ProxyFixture() override {
    proxy.reset();
    loop.restart();
    loop.poll();
  }

  void Start(const std::vector<std::string>& allow, std::optional<Gateway> gateway = {}) {
    Proxy::Options options;
    options.rules = Rules::Parse(allow, deny).value();
    options.gateway = std::move(gateway);
    options.log = [this](const Entry& entry) { log.push_back(entry); };
    options.resolver = resolver;
    proxy = std::make_unique<Proxy>(loop, clock, std::move(options));
    auto listener = http::Listener::Tcp("127.0.0.1:0").value();
    port = *listener.Port();
    proxy->Serve(listener.ReleaseFd());
  }
  // Allows `host` to be the test's server.
  void StartFor(const std::string& host) {
    resolver->names[host] = {{"127.0.0.1"}};
    Start({host + ":" + server.port(), "127.0.0.1:" + server.port()});
  }
  std::string At(const std::string& host) const { return host + ":" + server.port(); }
  http::RawPeer Agent() { return http::RawPeer::Tcp(loop, port); }
  void AwaitLog(std::size_t count) {
    http::RunUntil(loop, [&] { return log.size() >= count; });
  }
  void Poll() {
    loop.restart();
    loop.poll();
  }
  // Sends until nobody takes any more, however the loop turns; how many bytes that were.
  std::size_t SendAllThatIsTaken(http::RawPeer& peer) {
    const std::string piece(1 << 16, 'x');
    std::size_t taken = 0;
    for (int idle = 0; idle < 200;) {
      const auto count = ::send(peer.fd(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) taken += static_cast<std::size_t>(count);
      idle = count > 0 ? 0 : idle + 1;
      Poll();
    }
    return taken;
  }
  // Sends it all, and gives what comes to the end.
  std::string Ask(const std::string& request) {
    auto agent = Agent();
    agent.Send(request);
    return agent.ReadToEnd();
  }

  asio::io_context loop{1};
  os::FakeClock clock;
  std::shared_ptr<FakeResolver> resolver = std::make_shared<FakeResolver>();
  std::vector<std::string> deny;
  TestServer server{loop};
  std::vector<Entry> log;
  std::unique_ptr<Proxy> proxy;
  std::uint16_t port = 0;
};

}  // namespace vm0::egress
