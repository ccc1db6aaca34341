// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/server_fixture.h"

namespace vm0::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ServerTest, TellsThePeerToContinueOnlyWhenItMayGoOn) {
  RawPeer peer = Connect();
  peer.Send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.Send("ok");
  EXPECT_THAT(peer.ReadResponse(), EndsWith("POST /a ok"));
  EXPECT_THAT(Ask("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
                  "Expect: 100-continue\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, RefusesATooLargeBodyAtOnce) {
  Start({.body_bytes = 1000});
  RawPeer peer = Connect();
  peer.Send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  const auto answer = peer.ReadResponse();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("PAYLOAD_TOO_LARGE"));
  EXPECT_THAT(Ask("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3e8\r\n" +
                  std::string(1000, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(
      Ask("POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" +
          std::string(1000, 'x')),
      StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, APeerThatIsStillSendingReadsWhyItWasRefused) {
  Start({.body_bytes = 1000});
  RawPeer peer = Connect();
  peer.Send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n");
  peer.Send(std::string(20'000'000, 'x'));
  EXPECT_THAT(peer.ReadToEnd(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, APeerThatGoesOnSendingAfterARefusalIsCutOff) {
  RawPeer peer = Connect();
  peer.Send("nonsense\r\n\r\n");
  EXPECT_THAT(peer.ReadResponse(), StartsWith("HTTP/1.1 400 "));
  peer.Send("more");
  Settle();
  EXPECT_EQ(server_->open_connections(), 1u);
  clock_.Advance(Seconds(2));
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
}

TEST_F(ServerTest, RefusesTooLargeHeaders) {
  const std::string big(17 << 10, 'x');
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nHost: x\r\nX: " + big + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask("GET /" + big + " HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(std::string(100'000, 'A')), StartsWith("HTTP/1.1 4"));
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 3000; ++i) many += "A" + std::to_string(i) + ": b\r\n";
  EXPECT_THAT(Ask(many + "\r\n"), StartsWith("HTTP/1.1 431 "));
  const std::string fits(15 << 10, 'x');
  EXPECT_THAT(Ask("GET / HTTP/1.0\r\nX: " + fits + "\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, RefusesWhatTwoReadersMayUnderstandDifferently) {
  const std::string post = "POST /first HTTP/1.1\r\nHost: x\r\n";
  const std::string inner = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string fields :
       {"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 44\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding : chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 44\r\n", "Content-Length: +5\r\n",
        "Content-Length: -1\r\n", "Content-Length: 0x5\r\n", "Content-Length: 5 5\r\n",
        "Content-Length:\r\n", "Content-Length: 99999999999999999999999\r\n", "Host: y\r\n",
        "Bad Name: x\r\n", ": x\r\n", "X: a\rb\r\n"}) {
    seen_->requests.clear();
    EXPECT_THAT(Ask(post + fields + "\r\n" + inner), StartsWith("HTTP/1.1 400 ")) << fields;
    EXPECT_THAT(seen_->requests, testing::IsEmpty()) << fields;
  }
  EXPECT_THAT(Ask("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + inner),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(ServerTest, RefusesGarbage) {
  const std::string zeros("\0\0\0\0\r\n\r\n", 8);
  for (const std::string& bytes :
       {zeros, std::string("GET\r\n\r\n"), std::string("GET / HTTP/2.0\r\n\r\n"),
        std::string("GET /a b HTTP/1.1\r\n\r\n"), std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    EXPECT_THAT(Ask(bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
  EXPECT_THAT(seen_->requests, testing::IsEmpty());
}

TEST_F(ServerTest, ClosesAnIdleConnectionInTime) {
  RawPeer peer = Connect();
  RawPeer used = Connect();
  used.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  used.ReadResponse();
  Settle();
  clock_.Advance(Seconds(74));
  Settle();
  EXPECT_EQ(server_->open_connections(), 2u);
  used.Send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(used.ReadResponse(), StartsWith("HTTP/1.1 200"));
  Settle();
  clock_.Advance(Seconds(1));
  EXPECT_EQ(peer.ReadToEnd(), "");
  Settle();
  EXPECT_EQ(server_->open_connections(), 1u) << "the other one was used meanwhile";
  clock_.Advance(Seconds(74));
  EXPECT_EQ(used.ReadToEnd(), "");
}

TEST_F(ServerTest, CutsOffAPeerThatSendsItsHeadersSlowly) {
  RawPeer peer = Connect();
  peer.Send("GET / HTTP/1.1\r\n");
  Settle();
  for (int i = 0; i < 29; ++i) {
    peer.Send("X-" + std::to_string(i) + ": slow\r\n");
    Settle();
    clock_.Advance(Seconds(1));
    Settle();
  }
  EXPECT_EQ(server_->open_connections(), 1u);
  clock_.Advance(Seconds(1));
  EXPECT_EQ(peer.ReadToEnd(), "");
  EXPECT_THAT(seen_->requests, testing::IsEmpty());
}

TEST_F(ServerTest, GivesABodyTimeAsLongAsItComes) {
  RawPeer peer = Connect();
  peer.Send("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
  for (const char c : std::string_view("hello")) {
    Settle();
    clock_.Advance(Seconds(29));
    peer.Send({&c, 1});
    Settle();
  }
  EXPECT_THAT(peer.ReadResponse(), EndsWith("POST /slow hello"));
  peer.Send("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell");
  Settle();
  clock_.Advance(Seconds(30));
  EXPECT_EQ(peer.ReadToEnd(), "");
}

TEST_F(ServerTest, AWaitingHandlerIsNotTimedOut) {
  RawPeer peer = Connect();
  peer.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(loop_, [&] { return seen_->waiting == 1; });
  clock_.Advance(std::chrono::hours(5));
  Settle();
  seen_->held->cancel();
  EXPECT_THAT(peer.ReadResponse(), EndsWith("waited"));
}

TEST_F(ServerTest, RefusesConnectionsAboveTheLimit) {
  Start({.connections = 2});
  RawPeer first = Connect();
  RawPeer second = Connect();
  RunUntil(loop_, [&] { return server_->open_connections() == 2; });
  RawPeer third = Connect();
  const auto refusal = third.ReadToEnd();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("Connection: close"));
  third.Close();
  first.Close();
  RunUntil(loop_, [&] { return server_->open_connections() == 1; });
  RawPeer fourth = Connect();
  fourth.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(fourth.ReadResponse(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, PausesWhenItIsOutOfDescriptorsAndGoesOnLater) {
  // The sanitizer needs descriptors where it meets a type for the first time: here is that time.
  for (const Millis delay : {Millis(0), Millis(1)}) {
    asio::co_spawn(loop_, os::Sleep(clock_, delay), asio::detached);
    RawPeer earlier = Connect();
    Settle();
    clock_.Advance(delay);
    Settle();
  }
  Settle();
  RawPeer peer = Connect();
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const os::Fd next(::dup(0));
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next.get());
  ::setrlimit(RLIMIT_NOFILE, &none);
  RunUntil(loop_, [&] { return clock_.pending() == 1; });
  loop_.restart();
  EXPECT_EQ(loop_.poll(), 0u) << "it spins";
  ::setrlimit(RLIMIT_NOFILE, &before);
  clock_.Advance(Millis(100));
  peer.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(peer.ReadResponse(), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace vm0::http
