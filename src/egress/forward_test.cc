// SPDX-License-Identifier: Apache-2.0
// Plain HTTP through the proxy.
#include "egress/proxy_fixture.h"

namespace vm0::egress {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ForwardTest : public ProxyFixture {
 protected:
  std::string Get(const std::string& host, const std::string& fields = "") {
    return "GET http://" + At(host) + "/x?q HTTP/1.1\r\nHost: " + At(host) + "\r\n" + fields +
           "\r\n";
  }
};

TEST_F(ForwardTest, SendsARequestOnAndTheAnswerBack) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("POST http://" + At("a.example") +
             "/x/y?q=1 HTTP/1.1\r\nHost: other.example\r\nA: b\r\nContent-Length: 4\r\n\r\nbody");
  auto peer = server.Accept();
  const std::string head = peer.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("POST /x/y?q=1 HTTP/1.1\r\nHost: " + At("a.example") + "\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nA: b\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 4\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("other.example")));
  EXPECT_EQ(peer.ReadBytes(4), "body");
  peer.Send("HTTP/1.1 201 Made\r\nC: d\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(agent.ReadResponse(),
            "HTTP/1.1 201 Created\r\nC: d\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"
            "hello");
  AwaitLog(1);
  EXPECT_EQ(log[0].method, "POST");
  EXPECT_EQ(log[0].host, At("a.example"));
  EXPECT_EQ(log[0].path, "/x/y") << "the query may hold secrets";
  EXPECT_EQ(log[0].status, 201);
  EXPECT_EQ(log[0].sent, 4);
  EXPECT_EQ(log[0].received, 5);
}

TEST_F(ForwardTest, ChecksEachRequestOfAKeptConnectionAnew) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  server.Accept().Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(agent.ReadResponse(), EndsWith("ok"));
  agent.Send(Get("b.example"));
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(log.size(), 2u);
}

TEST_F(ForwardTest, AnswersPipelinedRequestsInTurn) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example") + Get("a.example", "Second: 1\r\n") + Get("b.example"));
  server.Accept().Send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
  EXPECT_THAT(agent.ReadResponse(), EndsWith("one"));
  auto second = server.Accept();
  EXPECT_THAT(second.ReadUntil("\r\n\r\n"), HasSubstr("Second"));
  second.Send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
  EXPECT_THAT(agent.ReadResponse(), EndsWith("two"));
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 403 "));
}

TEST_F(ForwardTest, ARedirectIsAnAnswerLikeOthers) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  server.Accept().Send(
      "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), HasSubstr("Location: http://169.254.169.254/"));
  agent.Send("GET http://169.254.169.254/ HTTP/1.1\r\n\r\n");
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 403 "));
}

TEST_F(ForwardTest, KeepsFieldsOfTheConnectionToItself) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example",
                 "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nUpgrade: h2c\r\n"
                 "HTTP2-Settings: AAA\r\nProxy-Authorization: Basic x\r\nTE: trailers\r\n"));
  auto peer = server.Accept();
  const std::string head = peer.ReadUntil("\r\n\r\n");
  for (const char* name : {"X-Mine", "Upgrade", "HTTP2", "Proxy-", "TE:", "keep-alive"}) {
    EXPECT_THAT(head, Not(HasSubstr(name)));
  }
  EXPECT_THAT(head, HasSubstr("\r\nConnection: close\r\n"));
}

TEST_F(ForwardTest, ChunksAreFramedAnewBothWays) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("POST http://" + At("a.example") +
             "/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n");
  auto peer = server.Accept();
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(peer.ReadUntil("0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n");
  peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000002;e\r\nhi\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(agent.ReadUntil("hi\r\n"), "2\r\nhi\r\n") << "streamed, not collected";
  peer.Send("0\r\nSet-Cookie: a\r\n\r\n");
  EXPECT_EQ(agent.ReadUntil("\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(ForwardTest, AnAnswerWithoutLengthIsFramedForTheAgent) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  {
    auto peer = server.Accept();
    peer.Send("HTTP/1.0 200 OK\r\n\r\nall of it");
    peer.ReadUntil("\r\n\r\n");
  }
  EXPECT_THAT(agent.ReadUntil("0\r\n\r\n"), EndsWith("\r\n\r\n9\r\nall of it\r\n0\r\n\r\n"));
  auto old = Agent();
  old.Send("GET http://" + At("a.example") + "/ HTTP/1.0\r\n\r\n");
  {
    auto peer = server.Accept();
    peer.Send("HTTP/1.0 200 OK\r\n\r\nall of it");
    peer.ReadUntil("\r\n\r\n");
  }
  EXPECT_THAT(old.ReadToEnd(), AllOf(EndsWith("\r\n\r\nall of it"), Not(HasSubstr("chunked"))));
}

TEST_F(ForwardTest, RefusesRequestsThatCouldBeTwo) {
  StartFor("a.example");
  const std::string target = "POST http://" + At("a.example") + "/ HTTP/1.1\r\n";
  for (const char* fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: gzip\r\n",
        "A: b\r\n folded\r\n", "A: b\nX: y\r\n", "A : b\r\n", "Host: a\r\nHost: b\r\n"}) {
    EXPECT_THAT(Ask(target + fields + "\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "))
        << fields;
    EXPECT_FALSE(server.HasConnection()) << fields;
  }
  for (const char* line : {"GET http://u:p@a.example/ HTTP/1.1", "TRACE http://a.example/ HTTP/1.1",
                           "GET https://a.example/ HTTP/1.1", "GET http://a.example/#f HTTP/1.1",
                           "OPTIONS * HTTP/1.1", "PRI * HTTP/2.0"}) {
    EXPECT_THAT(Ask(line + std::string("\r\n\r\n")), StartsWith("HTTP/1.1 400 ")) << line;
  }
  EXPECT_THAT(Ask("GET http://a.example/ HTTP/1.1\r\nA: " + std::string(40'000, 'a')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(ForwardTest, ABadChunkEndsTheRequest) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("POST http://" + At("a.example") +
             "/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n");
  auto peer = server.Accept();
  EXPECT_THAT(peer.ReadToEnd(), Not(HasSubstr("X\r\n")));
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ForwardTest, AServerCanNotSendTwoAnswersToOneRequest) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  auto peer = server.Accept();
  peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nevil");
  EXPECT_THAT(agent.ReadResponse(), EndsWith("\r\n\r\nok"));
  agent.Send(Get("a.example"));
  server.Accept().Send("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 204 "), Not(HasSubstr("Content-Length"))));
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
        "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 101 Switching\r\n\r\n", "nonsense\r\n\r\n"}) {
    auto another = Agent();
    another.Send(Get("a.example"));
    server.Accept().Send(answer);
    EXPECT_THAT(another.ReadToEnd(), StartsWith("HTTP/1.1 502 ")) << answer;
  }
}

TEST_F(ForwardTest, InformationalAnswersAreLeftOut) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  auto peer = server.Accept();
  peer.Send("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(agent.ReadResponse(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ForwardTest, TellsAnAgentThatWaitsToSendItsBody) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("PUT http://" + At("a.example") +
             "/ HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  auto peer = server.Accept();
  EXPECT_EQ(agent.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  agent.Send("abc");
  EXPECT_THAT(peer.ReadUntil("abc"), Not(HasSubstr("Expect")));
}

TEST_F(ForwardTest, AServerMayAnswerBeforeItHasReadTheBody) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("PUT http://" + At("a.example") + "/ HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc");
  auto peer = server.Accept();
  peer.ReadUntil("abc");
  peer.Send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_THAT(agent.ReadToEnd(),
              AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("Connection: close"), EndsWith("no")));
}

TEST_F(ForwardTest, AServerThatFailsWhileTheBodyIsSentIs502) {
  StartFor("a.example");
  std::string nonsense;
  for (int i = 0; i < 20; ++i) nonsense += "HTTP/1.1 100 Continue\r\n\r\n";
  auto agent = Agent();
  agent.Send("POST http://" + At("a.example") + "/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  auto peer = server.AcceptEarly();
  ASSERT_GT(::send(peer.fd(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL), 0);
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 502 "));
}

TEST_F(ForwardTest, AnAgentThatGoesAwayEndsItsRequest) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  auto peer = server.Accept();
  peer.ReadUntil("\r\n\r\n");
  agent.Close();
  EXPECT_EQ(peer.ReadToEnd(), "");
  AwaitLog(1);
  EXPECT_EQ(log[0].status, 0);
}

TEST_F(ForwardTest, AnAnswerThatIsCutIsCutForTheAgentToo) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  {
    auto peer = server.Accept();
    peer.ReadUntil("\r\n\r\n");
    peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  }
  EXPECT_THAT(agent.ReadToEnd(), EndsWith("3\r\nhel\r\n"));
  AwaitLog(1);
  EXPECT_THAT(log[0].refusal, HasSubstr("cut"));
}

TEST_F(ForwardTest, HeadAnswersKeepTheirLengthAndHaveNoBody) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send("HEAD http://" + At("a.example") + "/ HTTP/1.1\r\n\r\n");
  server.Accept().Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_THAT(agent.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: 5"));
  agent.Send(Get("b.example"));
  EXPECT_THAT(agent.ReadToEnd(), StartsWith("HTTP/1.1 403 "));
}

TEST_F(ForwardTest, ASlowReaderOfAnAnswerCostsNoMemory) {
  StartFor("a.example");
  auto agent = Agent();
  agent.Send(Get("a.example"));
  auto peer = server.Accept();
  peer.Send("HTTP/1.1 200 OK\r\n\r\n");
  const std::size_t taken = SendAllThatIsTaken(peer);
  EXPECT_LT(taken, 32u << 20);
}

TEST_F(ForwardTest, RequestsForTheProxyItselfNeedAGateway) {
  StartFor("a.example");
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("GET http://127.0.0.1:" + std::to_string(port) + "/ HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace vm0::egress
