// SPDX-License-Identifier: Apache-2.0
#include "http/stream.h"

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <sstream>

#include "http/server_fixture.h"

namespace vm0::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGet = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";

struct ServerStreamTest : ServerTest {
  // A peer that has got the head, and its stream waits.
  RawPeer Open(std::string_view request = kGet) {
    RawPeer peer = Connect();
    peer.Send(request);
    head = peer.ReadUntil("\r\n\r\n");
    return peer;
  }
  // Fills the socket of a peer that does not read.
  void Fill() {
    script.Add(std::string(20 << 20, 'x'));
    std::size_t given = 0;
    RunUntil(loop_,
             [&] { return script.given > 0 && given == std::exchange(given, script.given); });
    EXPECT_LT(script.given, script.text.size());
  }
  // The bytes of chunks.
  static std::string Unchunk(std::string_view chunks) {
    std::string text;
    while (!chunks.empty()) {
      const auto size = std::stoul(std::string(chunks.substr(0, 16)), nullptr, 16);
      chunks.remove_prefix(chunks.find("\r\n") + 2);
      text += chunks.substr(0, size);
      chunks.remove_prefix(std::min(chunks.size(), size + 2));
    }
    return text;
  }

  Script& script = seen_->script;
  std::string head;
};

TEST_F(ServerStreamTest, WritesChunksAsTheyComeAndClosesAfterTheLast) {
  RawPeer peer = Open();
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(server_->open_streams(), 1u);
  EXPECT_EQ(server_->active_exchanges(), 0u);
  script.Add("abc");
  EXPECT_EQ(peer.ReadUntil("\r\nabc\r\n"), "3\r\nabc\r\n");
  script.Add(std::string(17, 'x'));
  EXPECT_EQ(peer.ReadUntil("x\r\n"), "11\r\n" + std::string(17, 'x') + "\r\n");
  script.End();
  EXPECT_EQ(peer.ReadToEnd(), "0\r\n\r\n");
  EXPECT_EQ(script.alive, 0);
  peer.Close();
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
}

TEST_F(ServerStreamTest, IsReadUntilCloseByHttp10AndHasNoBodyForHead) {
  script.text = "abc";
  script.is_ended = true;
  EXPECT_THAT(Ask("GET /stream HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\nabc"));
  EXPECT_EQ(script.alive, 0);
  RawPeer peer = Connect();
  peer.Send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(peer.ReadResponse(), EndsWith("GET /a "));
  EXPECT_EQ(script.alive, 0);
}

TEST_F(ServerStreamTest, AfterAnUpgradeBytesGoBothWays) {
  RawPeer peer = Open("GET /upgrade HTTP/1.1\r\nHost: x\r\n\r\nearly");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: Upgrade\r\n"));
  EXPECT_THAT(head, testing::Not(HasSubstr("Transfer-Encoding")));
  peer.Send(" and late");
  RunUntil(loop_, [&] { return script.received == "early and late"; });
  script.Add("abc");
  script.End();
  EXPECT_EQ(peer.ReadToEnd(), "abc");
}

TEST_F(ServerStreamTest, ShowsThatItLivesWhenThereIsNothingToSay) {
  RawPeer peer = Open();
  for (int i = 0; i < 3; ++i) {
    Settle();
    clock_.Advance(Seconds(15));
    EXPECT_EQ(peer.ReadUntil(")\r\n"), "7\r\n(alive)\r\n");
  }
  Settle();
  clock_.Advance(Seconds(14));
  script.Add("x");
  EXPECT_EQ(peer.ReadUntil("x\r\n"), "1\r\nx\r\n");
  clock_.Advance(Seconds(14));
  Settle();
  script.Add("y");
  EXPECT_EQ(peer.ReadUntil("y\r\n"), "1\r\ny\r\n") << "it had something to say meanwhile";
  EXPECT_EQ(clock_.pending(), 1u) << "one timer for all";
}

TEST_F(ServerStreamTest, ManyStreamsHaveOneTimerAndTheirTurnsInOrder) {
  std::vector<RawPeer> peers;
  std::vector<std::unique_ptr<Script>> scripts;
  auto handler = [&scripts](Exchange& exchange) -> asio::awaitable<void> {
    scripts.push_back(std::make_unique<Script>());
    exchange.Stream({}, std::make_unique<ScriptSource>(*scripts.back()));
    co_return;
  };
  Server server(loop_, clock_, {}, handler, FormatError);
  const auto port = server.ListenTcp("127.0.0.1:0").value();
  for (int i = 0; i < 200; ++i) {
    peers.push_back(RawPeer::Tcp(loop_, port));
    peers.back().Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    peers.back().ReadUntil("\r\n\r\n");
  }
  Settle();
  EXPECT_EQ(clock_.pending(), 1u);
  for (const auto& script : scripts) script->Add("x");
  for (const auto& script : scripts) EXPECT_EQ(script->given, 0u) << "not inside of the wake";
  for (auto& peer : peers) EXPECT_EQ(peer.ReadUntil("x\r\n"), "1\r\nx\r\n");
}

struct ProtocolRowStream : ServerStreamTest {};

TEST_F(ProtocolRowStream, StreamStalled_APeerThatDoesNotReadCostsNothingAndLosesNothing) {
  RawPeer peer = Open();
  script.piece = 100'000;
  Fill();
  EXPECT_EQ(script.taken_back, 0);
  clock_.Advance(Seconds(1));
  EXPECT_EQ(script.taken_back, 1);
  const std::size_t given = script.given;
  clock_.Advance(Seconds(28));
  Settle();
  EXPECT_EQ(script.given, given);
  script.text.resize(given + 300'000, 'y');  // what is new goes on behind the rest
  script.End();
  const std::string all = peer.ReadToEnd();
  EXPECT_THAT(all, EndsWith("0\r\n\r\n"));
  EXPECT_EQ(Unchunk(all), script.text);
  EXPECT_EQ(server_->counts().stalled, 0u);
}

TEST_F(ProtocolRowStream, StreamUnread_APeerThatReadsNoMoreIsCutOffAndCounted) {
  RawPeer peer = Open();
  Fill();
  clock_.Advance(Seconds(29));
  Settle();
  EXPECT_EQ(script.alive, 1);
  clock_.Advance(Seconds(1));
  EXPECT_EQ(script.alive, 0);
  EXPECT_EQ(server_->counts().stalled, 1u);
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
}

TEST_F(ServerStreamTest, ASourceMayKeepNothingBack) {
  script.takes_back = false;
  RawPeer peer = Open();
  Fill();
  clock_.Advance(Seconds(1));
  script.End();
  EXPECT_EQ(Unchunk(peer.ReadToEnd()).size(), script.text.size());
}

TEST_F(ServerStreamTest, AWakeWhileTheHeadIsWrittenIsNotLost) {
  RawPeer peer = Connect();
  peer.Send("GET /long-head HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(loop_, [&] { return script.waker != nullptr; });
  Settle();
  script.Add("abc");
  peer.ReadUntil("\r\n\r\n");
  EXPECT_EQ(peer.ReadUntil("abc\r\n"), "3\r\nabc\r\n");
}

TEST_F(ServerStreamTest, ForHeadTheSourceGoesBeforeTheHeadIsWritten) {
  RawPeer peer = Connect();
  peer.Send("HEAD /long-head HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(loop_, [&] { return !seen_->requests.empty(); });
  Settle();
  EXPECT_EQ(server_->active_exchanges(), 1u) << "it waits for its peer";
  EXPECT_EQ(script.alive, 0);
}

TEST_F(ServerStreamTest, EndsWhenItsPeerGoes) {
  RawPeer idle = Open();
  idle.Close();
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
  EXPECT_EQ(script.alive, 0);
  RawPeer reading = Open();
  Fill();
  reading.Close();
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
  EXPECT_EQ(server_->counts().stalled + server_->counts().lost, 0u);
}

// From now on everything that comes for this socket is dropped before it is looked at, as when its
// machine had vanished.
void Vanish(int fd) {
  sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{1, drop};
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

TEST_F(ProtocolRowStream, StreamLost_APeerThatHasVanishedIsFoundByWhatItDoesNotAcknowledge) {
  Start({.lost = Millis(100)});
  RawPeer peer = Open();
  Vanish(peer.fd());
  clock_.Advance(Seconds(15));
  RunUntil(loop_, [&] { return server_->counts().lost == 1; });
  EXPECT_EQ(script.alive, 0);
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
}

TEST_F(ServerStreamTest, AFastOneLetsOthersRun) {
  script.piece = 1 << 20;
  RawPeer stream = Open();
  script.Add(std::string(40 << 20, 'x'));
  RawPeer other = Connect();
  other.Send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
  stream.ReadBytes(10'000'000);
  EXPECT_THAT(other.ReadResponse(), EndsWith("GET /other "));
}

TEST_F(ServerStreamTest, OneThatFailsDoesNotLookWholeAndIsLogged) {
  std::ostringstream log;
  auto* const before = std::clog.rdbuf(log.rdbuf());
  RawPeer peer = Open();
  script.Add("begun");
  EXPECT_EQ(peer.ReadUntil("begun\r\n"), "5\r\nbegun\r\n");
  script.Add("throw");
  EXPECT_EQ(peer.ReadToEnd(), "") << "no last chunk";
  std::clog.rdbuf(before);
  EXPECT_THAT(log.str(), HasSubstr("broken on purpose"));
}

TEST_F(ServerStreamTest, TheServerIsIdleOnceAllIsWritten) {
  bool is_idle = false;
  RawPeer peer = Open();
  server_->WhenIdle([&] { is_idle = true; });
  Settle();
  EXPECT_FALSE(is_idle);
  script.Add("last words");
  script.End();
  RunUntil(loop_, [&] { return is_idle; });
  EXPECT_THAT(peer.ReadToEnd(), EndsWith("last words\r\n0\r\n\r\n"));
}

TEST_F(ServerStreamTest, ClosesWithTheServersConnections) {
  RawPeer idle = Open();
  server_->CloseConnections();
  EXPECT_EQ(script.alive, 0);
  EXPECT_EQ(idle.ReadToEnd(), "");
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
}

TEST_F(ServerStreamTest, MayOutliveItsServer) {
  RawPeer idle = Open();
  script.Add("x");
  server_.reset();
  EXPECT_EQ(script.alive, 0);
  Settle();
}

}  // namespace
}  // namespace vm0::http
