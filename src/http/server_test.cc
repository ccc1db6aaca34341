// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <sstream>

#include "http/server_fixture.h"

namespace vm0::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(ServerTest, AnswersOneRequestAfterAnotherOnOneConnection) {
  RawPeer peer = Connect();
  peer.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto first = peer.ReadResponse();
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(first, EndsWith("\r\n\r\nGET /a "));
  EXPECT_THAT(first, Not(HasSubstr("Connection")));
  peer.Send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(peer.ReadResponse(), EndsWith("\r\n\r\nPOST /b hello"));
  EXPECT_EQ(server_->open_connections(), 1u);
  peer.Close();
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
}

TEST_F(ServerTest, HandlersCannotInjectFieldsNorBreakTheFraming) {
  const auto answer = Ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("X-Injected: aSet-Cookie: b\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("999")));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  std::string requests;
  for (int i = 0; i < 500; ++i) {
    requests += "GET /n" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  RawPeer peer = Connect();
  peer.Send(requests);
  for (int i = 0; i < 500; ++i) {
    ASSERT_THAT(peer.ReadResponse(), EndsWith("GET /n" + std::to_string(i) + " "));
  }
}

TEST_F(ServerTest, TakesARequestByteByByte) {
  RawPeer peer = Connect();
  for (const char c :
       std::string_view("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n")) {
    peer.Send({&c, 1});
    Settle();
  }
  EXPECT_THAT(peer.ReadResponse(), EndsWith("POST /p abc0123456789"));
}

TEST_F(ServerTest, TakesAnEmptyBodyWhoseLastChunkComesByteByByte) {
  RawPeer peer = Connect();
  peer.Send("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  Settle();
  for (const char byte : std::string_view("0\r\n\r\n")) {
    peer.Send({&byte, 1});
    Settle();
  }
  EXPECT_THAT(peer.ReadResponse(), HasSubstr("POST /p "));
}

TEST_F(ServerTest, ClosesAfterHttp10UnlessAskedToKeep) {
  const auto answer = Ask("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("GET /a "));
  RawPeer peer = Connect();
  peer.Send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(peer.ReadResponse(), HasSubstr("Connection: keep-alive\r\n"));
  peer.Send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_THAT(peer.ReadToEnd(), EndsWith("GET /b "));
}

TEST_F(ServerTest, SendsNoBodyToHeadAndWith204) {
  RawPeer peer = Connect();
  peer.Send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.Send("GET /204 HTTP/1.1\r\nHost: x\r\n\r\nGET /z HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  const auto empty = peer.ReadUntil("\r\n\r\n");
  EXPECT_THAT(empty, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(empty, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(peer.ReadResponse(), EndsWith("\r\n\r\nGET /z "));
}

TEST_F(ServerTest, JoinsRepeatedFields) {
  std::optional<std::string> value;
  auto handler = [&value](Exchange& exchange) -> asio::awaitable<void> {
    value = exchange.request().headers.Find("x-list").value_or("");
    return exchange.Send({});
  };
  Server server(loop_, clock_, {}, handler, FormatError);
  RawPeer peer = RawPeer::Tcp(loop_, server.ListenTcp("127.0.0.1:0").value());
  peer.Send("GET / HTTP/1.1\r\nHost: x\r\nX-List: a\r\nX-LIST: b\r\n\r\n");
  peer.ReadResponse();
  EXPECT_EQ(value, "a, b");
}

TEST_F(ServerTest, WakesAHandlerWhosePeerGoesAway) {
  RawPeer peer = Connect();
  peer.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(loop_, [&] { return seen_->waiting == 1; });
  EXPECT_EQ(server_->active_exchanges(), 1u);
  Settle();
  EXPECT_EQ(seen_->woken, 0);
  peer.Close();
  RunUntil(loop_, [&] { return seen_->woken == 1; });
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
  EXPECT_EQ(server_->active_exchanges(), 0u);
}

TEST_F(ServerTest, WakesAHandlerWhosePeerGoesAwayBehindAPipelinedRequest) {
  RawPeer peer = Connect();
  peer.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\n");
  RunUntil(loop_, [&] { return seen_->waiting == 1; });
  peer.Send("Host: x\r\n\r\n");
  Settle();
  peer.Close();
  RunUntil(loop_, [&] { return seen_->woken == 1; });
}

TEST_F(ServerTest, LosesNoPipelinedRequestWhileAHandlerWaits) {
  RawPeer peer = Connect();
  peer.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /ne");
  RunUntil(loop_, [&] { return seen_->waiting == 1; });
  peer.Send("xt HTTP/1.1\r\nHost: x\r\n\r\nGET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  Settle();
  seen_->held->cancel();
  EXPECT_THAT(peer.ReadResponse(), EndsWith("waited"));
  EXPECT_THAT(peer.ReadResponse(), EndsWith("GET /next "));
  RunUntil(loop_, [&] { return seen_->waiting == 2; });
  EXPECT_EQ(seen_->woken, 0);
  peer.Close();
  RunUntil(loop_, [&] { return seen_->woken == 1; });
}

TEST_F(ServerTest, AnswersAFailedHandlerWith500AndLogsIt) {
  std::ostringstream log;
  auto* const before = std::clog.rdbuf(log.rdbuf());
  RawPeer peer = Connect();
  peer.Send("GET /throw HTTP/1.1\r\nHost: x\r\n\r\nGET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(peer.ReadResponse(), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(peer.ReadResponse(), StartsWith("HTTP/1.1 500 "));
  std::clog.rdbuf(before);
  EXPECT_THAT(log.str(), HasSubstr("GET /throw: broken on purpose\n"));
  EXPECT_THAT(log.str(), HasSubstr("GET /silent: the handler did not answer\n"));
}

TEST_F(ServerTest, ListensOnAUnixSocketWithALongPathForItsOwnerOnly) {
  const std::string folder = directory_ + "/" + std::string(120, 'd');
  std::filesystem::create_directory(folder);
  const std::string path = folder + "/server.sock";
  ASSERT_TRUE(server_->ListenUnix(path));
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  RawPeer peer = RawPeer::Unix(loop_, path);
  peer.Send("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(peer.ReadResponse(), EndsWith("GET /a "));
  server_->StopListening();
  EXPECT_FALSE(std::filesystem::exists(path));
  peer.Send("GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(peer.ReadResponse(), EndsWith("GET /b ")) << "open connections go on";
}

TEST_F(ServerTest, ReplacesAStaleSocketFileButNothingElse) {
  const std::string path = directory_ + "/server.sock";
  ASSERT_TRUE(server_->ListenUnix(path));
  Server second(
      loop_, clock_, {}, [](Exchange& e) { return e.Send({}); }, FormatError);
  ASSERT_TRUE(second.ListenUnix(path));
  server_.reset();
  EXPECT_TRUE(std::filesystem::exists(path)) << "the file is the second server's now";
  second.StopListening();
  EXPECT_FALSE(std::filesystem::exists(path));
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY, 0600));
  const auto refused = second.ListenUnix(path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(path));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ServerTest, NamesAnAddressThatItCannotListenOn) {
  const auto taken = server_->ListenTcp("127.0.0.1:" + std::to_string(port_));
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1:" + std::to_string(port_)));
  EXPECT_FALSE(server_->ListenTcp("8400"));
  EXPECT_FALSE(server_->ListenTcp("127.0.0.1:"));
  EXPECT_FALSE(server_->ListenTcp("::1:80"));
  for (const char* port : {"http", "65536", "99999", "-1", "1 ", "99999999999999999999"})
    EXPECT_FALSE(server_->ListenTcp(std::string("127.0.0.1:") + port)) << port;
  EXPECT_FALSE(server_->ListenUnix(directory_ + "/none/server.sock"));
}

TEST_F(ServerTest, DescriptorsAreCloseOnExec) {
  RawPeer peer = Connect();
  RunUntil(loop_, [&] { return server_->open_connections() == 1; });
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with("socket:")) {
      EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC) << fd;
    }
  }
}

TEST_F(ServerTest, CloseConnectionsEndsTheIdleAndWakesTheBusy) {
  RawPeer idle = Connect();
  RawPeer busy = Connect();
  busy.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(loop_, [&] { return seen_->waiting == 1 && server_->open_connections() == 2; });
  server_->CloseConnections();
  RunUntil(loop_, [&] { return server_->open_connections() == 0; });
  EXPECT_EQ(seen_->woken, 1);
}

TEST_F(ServerTest, MayBeDestroyedWithExchangesUnderWay) {
  RawPeer idle = Connect();
  RawPeer half = Connect();
  RawPeer waiting = Connect();
  RawPeer stalled = Connect();
  half.Send("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
  waiting.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  seen_->script.text = std::string(20 << 20, 'x');
  seen_->script.piece = 1 << 20;
  stalled.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(loop_, [&] { return seen_->waiting == 1 && seen_->script.given > 0; });
  Settle();
  server_.reset();
  Settle();
  EXPECT_EQ(seen_->woken, 0) << "nobody is called any more";
  EXPECT_EQ(idle.ReadToEnd(), "");
}

TEST_F(ServerTest, LoopMayBeDestroyedWithExchangesUnderWay) {
  auto loop = std::make_unique<asio::io_context>();
  auto clock = std::make_unique<os::FakeClock>();
  auto handler = [seen = seen_](Exchange& exchange) { return Route(exchange, *seen); };
  auto server = std::make_unique<Server>(*loop, *clock, ServerLimits{}, handler, FormatError);
  const auto port = server->ListenTcp("127.0.0.1:0").value();
  RawPeer waiting = RawPeer::Tcp(*loop, port);
  RawPeer idle = RawPeer::Tcp(*loop, port);
  waiting.Send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  RunUntil(*loop, [&] { return seen_->waiting == 1; });
  server.reset();
  clock.reset();
  loop.reset();
}

}  // namespace
}  // namespace vm0::http
