// SPDX-License-Identifier: Apache-2.0
#include "e2b/envd.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/listener.h"
#include "http/raw_peer.h"

namespace vm0::e2b {
namespace {

asio::awaitable<void> ReadTo(Envd& envd, std::optional<Result<std::string>>& result) {
  result = co_await envd.Read("/f", 100);
}

// A sandbox whose every byte the test writes.
struct EnvdTest : testing::Test {
  EnvdTest() : listener(http::Listener::Tcp("127.0.0.1:0").value()) {
    Account account;
    account.sandboxes =
        http::Endpoint::Parse("http://127.0.0.1:" + std::to_string(*listener.Port())).value();
    envd.emplace(Envd::Make(loop, clock, account, {"i", "", ""}).value());
  }
  http::RawPeer Accept() {
    os::Fd fd;
    http::RunUntil(loop, [&] {
      if (!fd.is_open()) fd = os::Fd(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      return fd.is_open();
    });
    return {loop, std::move(fd)};
  }
  void Settle() {
    loop.restart();
    while (loop.poll() > 0) loop.restart();
  }
  // A file of which half a piece has come.
  http::RawPeer BeginToRead(std::optional<Result<std::string>>& result) {
    asio::co_spawn(loop, ReadTo(*envd, result), asio::detached);
    http::RawPeer peer = Accept();
    peer.ReadUntil("\r\n\r\n");
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    Settle();
    EXPECT_FALSE(result);
    return peer;
  }

  asio::io_context loop;
  os::FakeClock clock;
  http::Listener listener;
  std::optional<Envd> envd;
};

TEST_F(EnvdTest, ReadsAFileInPieces) {
  std::optional<Result<std::string>> result;
  http::RawPeer peer = BeginToRead(result);
  peer.Send("cd");
  http::RunUntil(loop, [&] { return result.has_value(); });
  EXPECT_EQ(result->value_or(""), "abcd");
}

TEST_F(EnvdTest, CloseEndsAFileThatIsBeingRead) {
  std::optional<Result<std::string>> result;
  const http::RawPeer peer = BeginToRead(result);
  envd->Close();
  http::RunUntil(loop, [&] { return result.has_value(); });
  ASSERT_TRUE(result && !*result);
  EXPECT_EQ(result->error().code, Code::kUnreachable);
}

TEST_F(EnvdTest, AFileThatIsCutIsAnError) {
  std::optional<Result<std::string>> result;
  http::RawPeer peer = BeginToRead(result);
  peer.Close();
  http::RunUntil(loop, [&] { return result.has_value(); });
  ASSERT_TRUE(result && !*result);
  EXPECT_EQ(result->error().code, Code::kUnreachable);
}

}  // namespace
}  // namespace vm0::e2b
