// SPDX-License-Identifier: Apache-2.0
// The agent's way to its LLM without its credentials.
#include "egress/proxy_fixture.h"
#include "http/tls_server.h"

namespace vm0::egress {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class GatewayTest : public ProxyFixture {
 protected:
  static constexpr const char* kCredential = "sk-real-credential-0123456789";
  static constexpr const char* kPlaceholder = "sk-placeholder-abcdefghijklmn";

  Gateway MakeGateway(const std::string& base_path = "") {
    Gateway gateway;
    gateway.upstream =
        http::Endpoint::Parse("http://llm.example:" + server.port() + base_path).value();
    gateway.credentials = {{kPlaceholder, kCredential}};
    gateway.reach = Gateway::Reach::kAnywhere;
    resolver->names["llm.example"] = {{"127.0.0.1"}};
    return gateway;
  }
  std::string Post(const std::string& body = "{}") {
    return "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:3128\r\nx-api-key: " +
           std::string(kPlaceholder) +
           "\r\nAccept-Encoding: gzip, br\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
};

TEST_F(GatewayTest, PutsTheCredentialIntoTheRequest) {
  Start({}, MakeGateway("/base"));
  auto agent = Agent();
  agent.Send(Post(std::string("{\"key\":\"") + kPlaceholder + "\"}"));
  auto peer = server.Accept();
  const std::string head = peer.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("POST /base/v1/messages?beta=true HTTP/1.1\r\nHost: " +
                               At("llm.example") + "\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nx-api-key: " + std::string(kCredential) + "\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nAccept-Encoding: identity\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("gzip")));
  EXPECT_EQ(peer.ReadUntil("}"), std::string("{\"key\":\"") + kPlaceholder + "\"}")
      << "never into a body";
  peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(agent.ReadResponse(), EndsWith("ok"));
  AwaitLog(1);
  EXPECT_EQ(log[0].host, At("llm.example"));
  EXPECT_EQ(log[0].path, "/v1/messages");
  EXPECT_EQ(log[0].status, 200);
}

TEST_F(GatewayTest, TakesEveryFormThatNamesTheProxyItself) {
  Start({}, MakeGateway());
  const std::string own = "127.0.0.1:" + std::to_string(port);
  auto absolute = Agent();
  absolute.Send("GET http://" + own + "/v1/models HTTP/1.1\r\nAuthorization: Bearer " +
                kPlaceholder + "\r\n\r\n");
  EXPECT_THAT(server.Accept().ReadUntil("\r\n\r\n"),
              AllOf(StartsWith("GET /v1/models HTTP/1.1\r\n"),
                    HasSubstr("Authorization: Bearer " + std::string(kCredential))));
  auto tunnelled = Agent();
  tunnelled.Send("CONNECT " + own + " HTTP/1.1\r\n\r\n");
  EXPECT_THAT(tunnelled.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  tunnelled.Send(Post());
  EXPECT_THAT(server.Accept().ReadUntil("\r\n\r\n"), HasSubstr(kCredential));
}

TEST_F(GatewayTest, ARequestWithoutAPlaceholderIsRefused) {
  Start({}, MakeGateway());
  EXPECT_THAT(Ask("GET /v1/models HTTP/1.1\r\nx-api-key: something\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("vm0: ")));
  EXPECT_THAT(Ask("GET /" + std::string(kPlaceholder) + " HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 401 "))
      << "a target is no place for a credential";
  EXPECT_FALSE(server.HasConnection());
  EXPECT_EQ(log[0].status, 401);
}

TEST_F(GatewayTest, ACredentialStandsAloneInItsField) {
  Start({}, MakeGateway());
  const std::string placeholder = kPlaceholder;
  auto agent = Agent();
  agent.Send("GET / HTTP/1.1\r\nx-api-key: " + placeholder + "\r\nA: aaaaaa" + placeholder +
             "\r\nB: " + placeholder + ", b\r\nC: Cccccc " + placeholder + "\r\n\r\n");
  const std::string head = server.Accept().ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("x-api-key: " + std::string(kCredential) + "\r\n"));
  EXPECT_THAT(head, HasSubstr("A: aaaaaa" + placeholder + "\r\n"))
      << "a server that cuts what it says back would tell it letter by letter";
  EXPECT_THAT(head, HasSubstr("B: " + placeholder + ", b\r\n"));
  EXPECT_THAT(head, HasSubstr("C: Cccccc " + placeholder + "\r\n"));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nA: a" + placeholder + "\r\n\r\n"),
              StartsWith("HTTP/1.1 401 "));
}

TEST_F(GatewayTest, AnswersNeverHoldTheCredential) {
  Start({}, MakeGateway());
  const std::string body = std::string("echo ") + kCredential + " and " + kCredential + kCredential;
  const std::string head = "HTTP/1.1 200 OK\r\nX-Echo: Bearer " + std::string(kCredential) +
                           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  for (std::size_t step = 1; step < body.size(); step += 7) {
    auto agent = Agent();
    agent.Send(Post());
    auto peer = server.Accept();
    peer.ReadUntil("{}");
    peer.Send(head);
    std::string answer = agent.ReadUntil("\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += step) {
      peer.Send(body.substr(at, step));
      Poll();
    }
    answer += agent.ReadBytes(body.size());
    EXPECT_THAT(answer, Not(HasSubstr("sk-real")));
    EXPECT_THAT(answer, HasSubstr("X-Echo: Bearer " + std::string(kPlaceholder)));
    EXPECT_THAT(answer, EndsWith(std::string("echo ") + kPlaceholder + " and " + kPlaceholder +
                                 kPlaceholder));
  }
}

TEST_F(GatewayTest, ARefusalThatQuotesTheServerDoesNotHoldTheCredential) {
  Start({}, MakeGateway());
  auto agent = Agent();
  agent.Send(Post());
  auto peer = server.Accept();
  peer.ReadUntil("{}");
  peer.Send("HTTP/1.1 200 OK\r\n" + std::string(kCredential) + ": \x01\r\n\r\n");
  EXPECT_THAT(agent.ReadToEnd(), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr(kPlaceholder),
                                       Not(HasSubstr(kCredential))));
}

TEST_F(GatewayTest, AChunkedAnswerIsSearchedAcrossItsChunks) {
  Start({}, MakeGateway());
  auto agent = Agent();
  agent.Send(Post());
  auto peer = server.Accept();
  peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char c : std::string(kCredential)) peer.Send("1\r\n" + std::string(1, c) + "\r\n");
  peer.Send("0\r\n\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n0\r\n\r\n"),
              AllOf(HasSubstr(kPlaceholder), Not(HasSubstr("sk-real"))));
}

TEST_F(GatewayTest, EventsStreamOneByOne) {
  Start({}, MakeGateway());
  auto agent = Agent();
  agent.Send(Post());
  auto peer = server.Accept();
  peer.Send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), HasSubstr("text/event-stream"));
  for (int i = 0; i < 5; ++i) {
    peer.Send("b\r\ndata: s-" + std::to_string(i) + "\n\n\r\n");
    EXPECT_EQ(agent.ReadUntil("\n\n\r\n"), "b\r\ndata: s-" + std::to_string(i) + "\n\n\r\n");
  }
}

TEST_F(GatewayTest, ACompressedAnswerIsRefused) {
  Start({}, MakeGateway());
  auto agent = Agent();
  agent.Send(Post());
  server.Accept().Send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(agent.ReadToEnd(), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("compressed")));
}

TEST_F(GatewayTest, ReachesAPrivateAddressOnlyWhenItMay) {
  Gateway gateway = MakeGateway();
  gateway.reach = Gateway::Reach::kPublic;
  Start({}, gateway);
  EXPECT_THAT(Ask(Post()), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("not a public address")));
  EXPECT_FALSE(server.HasConnection());
  Start({"127.0.0.1:" + server.port()}, gateway);
  auto agent = Agent();
  agent.Send(Post());
  server.Accept();
}

TEST_F(GatewayTest, ACredentialThatNoFieldCanHoldIsSaid) {
  Gateway gateway = MakeGateway();
  gateway.credentials = {{kPlaceholder, "sk-real\r\nX-Evil: 1-0123456789"}};
  Start({}, gateway);
  EXPECT_THAT(Ask(Post()), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("control character")));
  EXPECT_FALSE(server.HasConnection());
}

TEST_F(GatewayTest, AShortCredentialDoesNotGarbleAnswers) {
  Gateway gateway = MakeGateway();
  gateway.credentials = {{"placeholder-1234", "test"}};
  Start({}, gateway);
  auto agent = Agent();
  agent.Send("GET / HTTP/1.1\r\nx-api-key: placeholder-1234\r\n\r\n");
  auto peer = server.Accept();
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("x-api-key: test\r\n"));
  peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na test");
  EXPECT_THAT(agent.ReadResponse(), EndsWith("a test"));
}

class TlsGatewayTest : public GatewayTest {
 protected:
  // What the agent gets from a server that is `identity` and is called localhost.
  std::string AskOverTls(const http::Identity& identity) {
    http::TlsServer tls_server(identity);
    Gateway gateway = MakeGateway();
    gateway.upstream = http::Endpoint::Parse("https://localhost:" + tls_server.port()).value();
    resolver->names["localhost"] = {{"127.0.0.1"}};
    Start({}, gateway);
    auto agent = Agent();
    agent.Send("GET / HTTP/1.1\r\nx-api-key: " + std::string(kPlaceholder) + "\r\n\r\n");
    const std::string answer = agent.ReadResponse();
    agent.Close();
    proxy->Stop();
    Poll();
    return answer;
  }
};

TEST_F(TlsGatewayTest, AsksOverTlsByName) {
  const auto identity = http::MakeIdentity("localhost");
  const http::TrustedIdentity trusted(identity);
  EXPECT_THAT(AskOverTls(identity), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("localhost")));
}

TEST_F(TlsGatewayTest, TellsNothingToAServerThatNobodyTrusts) {
  const http::TrustedIdentity trusted(http::MakeIdentity("localhost"));
  EXPECT_THAT(AskOverTls(http::MakeIdentity("localhost")),
              AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("certificate")));
  EXPECT_THAT(AskOverTls(http::MakeIdentity("other.example")), StartsWith("HTTP/1.1 502 "));
}

TEST_F(GatewayTest, AnUpstreamThatIsNotThereIs502) {
  Gateway gateway = MakeGateway();
  resolver->names.clear();
  Start({}, gateway);
  EXPECT_THAT(Ask(Post()), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("look up llm.example")));
}

}  // namespace
}  // namespace vm0::egress
