// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/client.h"
#include "http/tls_server.h"

namespace vm0::http {
namespace {

asio::awaitable<void> SendTwice(Client& client, std::vector<Result<Response>>& results) {
  for (int i = 0; i < 2; ++i) {
    Request request;
    auto result = co_await client.Send(std::move(request), Seconds(30));
    results.push_back(std::move(result));
    if (!results.back()) break;
  }
}

class TlsTest : public testing::Test {
 protected:
  // Both results for a server that is `identity` and is called localhost.
  std::vector<Result<Response>> Ask(const Identity& identity) {
    TlsServer server(identity);
    asio::io_context loop;
    os::FakeClock clock;
    Client client(loop, clock, Endpoint::Parse("https://localhost:" + server.port()).value());
    std::vector<Result<Response>> results;
    auto work = SendTwice(client, results);
    asio::co_spawn(loop, std::move(work), asio::detached);
    loop.run();
    client.Close();
    return results;
  }
};

TEST_F(TlsTest, TalksToATrustedServerByItsName) {
  const auto identity = MakeIdentity("localhost");
  const TrustedIdentity trusted(identity);
  const auto results = Ask(identity);
  ASSERT_EQ(results.size(), 2u);
  for (const auto& result : results) {
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->body, "localhost") << "the name that the client asked for";
  }
}

TEST_F(TlsTest, RefusesAServerThatNobodyTrusts) {
  const TrustedIdentity trusted(MakeIdentity("localhost"));
  const auto results = Ask(MakeIdentity("localhost"));
  ASSERT_FALSE(results.back());
  EXPECT_EQ(results.back().error().code, Code::kUnreachable);
  EXPECT_THAT(results.back().error().message,
              testing::HasSubstr("TLS handshake: certificate verify"));
}

TEST_F(TlsTest, RefusesATrustedServerOfAnotherName) {
  const auto identity = MakeIdentity("example.com");
  const TrustedIdentity trusted(identity);
  EXPECT_FALSE(Ask(identity).back());
}

}  // namespace
}  // namespace vm0::http
