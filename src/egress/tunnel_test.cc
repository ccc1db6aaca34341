// SPDX-License-Identifier: Apache-2.0
// CONNECT, and what holds for all connections.
#include "egress/proxy_fixture.h"

namespace vm0::egress {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class TunnelTest : public ProxyFixture {
 protected:
  http::RawPeer OpenTunnel(const std::string& host = "a.example") {
    auto agent = Agent();
    agent.Send("CONNECT " + At(host) + " HTTP/1.1\r\nHost: " + At(host) + "\r\n\r\n");
    return agent;
  }
};

TEST_F(TunnelTest, CarriesBytesBothWaysAndIsLogged) {
  StartFor("a.example");
  auto agent = OpenTunnel();
  auto peer = server.Accept();
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  agent.Send("hello");
  EXPECT_EQ(peer.ReadBytes(5), "hello");
  peer.Send("good day");
  EXPECT_EQ(agent.ReadBytes(8), "good day");
  clock.Advance(Millis(1500));
  EXPECT_TRUE(log.empty());
  agent.Close();
  EXPECT_EQ(peer.ReadToEnd(), "");
  peer.Close();
  AwaitLog(1);
  EXPECT_EQ(log[0].method, "CONNECT");
  EXPECT_EQ(log[0].host, At("a.example"));
  EXPECT_EQ(log[0].path, "");
  EXPECT_EQ(log[0].status, 200);
  EXPECT_EQ(log[0].refusal, "");
  EXPECT_EQ(log[0].sent, 5);
  EXPECT_EQ(log[0].received, 8);
  EXPECT_EQ(log[0].duration, Millis(1500));
}

TEST_F(TunnelTest, SendsOnWhatCameBehindTheRequest) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("CONNECT " + At("a.example") + " HTTP/1.1\r\n\r\nearly");
  EXPECT_EQ(server.Accept().ReadBytes(5), "early");
}

TEST_F(TunnelTest, EndsEachDirectionByItself) {
  StartFor("a.example");
  auto agent = OpenTunnel();
  auto peer = server.Accept();
  agent.ReadUntil("\r\n\r\n");
  agent.Send("question");
  agent.EndOutput();
  EXPECT_EQ(peer.ReadToEnd(), "question");
  peer.Send("answer");
  peer.Close();
  EXPECT_EQ(agent.ReadToEnd(), "answer");
  AwaitLog(1);
}

TEST_F(TunnelTest, ToAHostThatIsNotAllowedIsRefusedWithTheReason) {
  StartFor("a.example");
  const std::string answer = Ask("CONNECT b.example:443 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nvm0: b.example:443 is not on the run's allow-list"));
  EXPECT_THAT(answer, HasSubstr("add it to allow:"));
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].host, "b.example:443");
  EXPECT_EQ(log[0].status, 403);
  EXPECT_THAT(log[0].refusal, HasSubstr("allow-list"));
  EXPECT_TRUE(resolver->asked.empty()) << "a name that is not allowed is not looked up";
}

TEST_F(TunnelTest, ToAnotherPortOfAnAllowedHostIsRefused) {
  StartFor("a.example");
  EXPECT_THAT(Ask("CONNECT a.example:22 HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403 "));
}

TEST_F(TunnelTest, GoesToTheVeryAddressThatWasChecked) {
  // Public when it is looked up first, the host's own later: each connection is checked by itself.
  resolver->names["a.example"] = {{"127.0.0.1"}, {"10.0.0.1"}};
  Start({At("a.example"), "127.0.0.1:" + server.port()});
  auto agent = OpenTunnel();
  auto peer = server.Accept();
  agent.ReadUntil("\r\n\r\n");
  EXPECT_EQ(resolver->asked.size(), 1u) << "looked up once, not again to connect";
  auto second = OpenTunnel();
  const std::string answer = second.ReadToEnd();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("a.example:" + server.port() + " is at 10.0.0.1"));
}

TEST_F(TunnelTest, SkipsAddressesThatMayNotBeReached) {
  resolver->names["a.example"] = {{"169.254.169.254", "10.0.0.1", "127.0.0.1"}};
  Start({At("a.example"), "127.0.0.1:" + server.port()});
  auto agent = OpenTunnel();
  server.Accept();
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(TunnelTest, ToAnAllowedNameAtThisMachineIsRefused) {
  resolver->names["a.example"] = {{"127.0.0.1"}};
  Start({At("a.example")});
  EXPECT_THAT(Ask("CONNECT " + At("a.example") + " HTTP/1.1\r\n\r\n"),
              HasSubstr("not a public address"));
  EXPECT_FALSE(server.HasConnection());
}

TEST_F(TunnelTest, ToNumbersThatMeanAnAddressIsRefused) {
  Start({"*.example:*", "0.0.0.0/0:443"});
  for (const char* host : {"127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::ffff:127.1]"}) {
    EXPECT_THAT(Ask("CONNECT " + std::string(host) + ":443 HTTP/1.1\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "))
        << host;
  }
  EXPECT_THAT(Ask("CONNECT 169.254.169.254:443 HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403 "));
  EXPECT_TRUE(resolver->asked.empty());
}

TEST_F(TunnelTest, WithABodyIsRefused) {
  StartFor("a.example");
  for (const char* field : {"Content-Length: 5", "Transfer-Encoding: chunked"}) {
    EXPECT_THAT(Ask("CONNECT " + At("a.example") + " HTTP/1.1\r\n" + field + "\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "))
        << field;
  }
  EXPECT_FALSE(server.HasConnection());
}

TEST_F(TunnelTest, ToAServerThatIsNotThereIs502) {
  resolver->names["a.example"] = {{"127.0.0.1"}};
  const int unused = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(unused, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(unused, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string at = ":" + std::to_string(ntohs(address.sin_port));
  Start({"a.example" + at, "127.0.0.1" + at, "b.example"});
  EXPECT_THAT(Ask("CONNECT a.example" + at + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(log[0].refusal, HasSubstr("Connection refused"));
  EXPECT_THAT(Ask("CONNECT b.example:443 HTTP/1.1\r\n\r\n"), HasSubstr("look up b.example"));
  ::close(unused);
}

TEST_F(TunnelTest, ASlowReaderCostsNoMemory) {
  StartFor("a.example");
  auto agent = OpenTunnel();
  auto peer = server.Accept();
  agent.ReadUntil("\r\n\r\n");
  const std::size_t taken = SendAllThatIsTaken(peer);
  // What the kernel holds in four socket buffers, and no more.
  EXPECT_LT(taken, 32u << 20);
  const std::string all = agent.ReadBytes(taken);
  EXPECT_EQ(all.size(), taken);
}

TEST_F(TunnelTest, IsClosedWhenNothingMovesForAnHour) {
  StartFor("a.example");
  auto agent = OpenTunnel();
  auto peer = server.Accept();
  agent.ReadUntil("\r\n\r\n");
  clock.Advance(Seconds(3599));
  agent.Send("x");
  peer.ReadBytes(1);
  clock.Advance(Seconds(3599));
  Poll();
  EXPECT_TRUE(log.empty());
  clock.Advance(Seconds(2));
  EXPECT_EQ(agent.ReadToEnd(), "");
  AwaitLog(1);
}

TEST_F(TunnelTest, HalfAHeadIsNotWaitedForForEver) {
  StartFor("a.example");
  auto silent = Agent();
  auto slow = Agent();
  slow.Send("CONNECT a.exa");
  for (int i = 0; i < 50; ++i) Poll();
  clock.Advance(Seconds(31));
  EXPECT_THAT(slow.ReadToEnd(), StartsWith("HTTP/1.1 504 "));
  EXPECT_EQ(silent.ReadToEnd(), "");
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].method, "");
  EXPECT_THAT(log[0].refusal, HasSubstr("30 s"));
}

TEST_F(TunnelTest, NoMoreThanSoManyAreOpenAtOnce) {
  StartFor("a.example");
  std::vector<http::RawPeer> silent;
  for (std::size_t i = 0; i < Proxy::kMaxConnections; ++i) silent.push_back(Agent());
  for (int i = 0; i < 1000; ++i) Poll();
  auto agent = OpenTunnel();
  for (int i = 0; i < 100; ++i) Poll();
  EXPECT_FALSE(server.HasConnection()) << "it must wait";
  silent.pop_back();
  server.Accept();
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(TunnelTest, StopLogsWhatIsOpenAndClosesIt) {
  StartFor("a.example");
  auto agent = OpenTunnel();
  auto peer = server.Accept();
  agent.ReadUntil("\r\n\r\n");
  agent.Send("abc");
  peer.ReadBytes(3);
  proxy->Stop();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].sent, 3);
  EXPECT_EQ(log[0].status, 200);
  EXPECT_EQ(agent.ReadToEnd(), "");
  EXPECT_EQ(peer.ReadToEnd(), "");
  EXPECT_EQ(log.size(), 1u) << "nothing is logged after Stop";
  proxy->Stop();
}

TEST_F(TunnelTest, WhatIsNoHttpIsRefusedAndLogged) {
  StartFor("a.example");
  EXPECT_THAT(Ask("SSH-2.0-OpenSSH_9.2\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].status, 400);
  EXPECT_EQ(log[0].method, "");
}

}  // namespace
}  // namespace vm0::egress
