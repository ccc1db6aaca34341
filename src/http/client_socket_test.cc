// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "http/client.h"
#include "http/listener.h"
#include "http/raw_peer.h"

namespace vm0::http {
namespace {

TEST(ClientSocket, ReadsTheBeginningOfARefusalAndNoMore) {
  asio::io_context loop;
  os::FakeClock clock;
  const Listener listener = Listener::Tcp("127.0.0.1:0").value();
  const std::string url = "http://127.0.0.1:" + std::to_string(*listener.Port());
  Client client(loop, clock, Endpoint::Parse(url).value());
  std::optional<Result<WebSocketAnswer>> answer;
  Request request;
  auto work = client.OpenWebSocket(std::move(request), Seconds(30));
  asio::co_spawn(loop, std::move(work), [&](std::exception_ptr, Result<WebSocketAnswer> result) {
    answer = std::move(result);
  });
  os::Fd fd;
  RunUntil(loop, [&] {
    if (!fd.is_open()) fd = os::Fd(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    return fd.is_open();
  });
  RawPeer server(loop, std::move(fd));
  server.ReadUntil("\r\n\r\n");
  server.Send("HTTP/1.1 403 No\r\nContent-Length: 99999999\r\n\r\n" + std::string(70'000, 'x'));
  RunUntil(loop, [&] { return answer.has_value(); });
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->refusal.status, 403);
  EXPECT_GE((*answer)->refusal.body.size(), std::size_t{64 << 10});
}

}  // namespace
}  // namespace vm0::http
