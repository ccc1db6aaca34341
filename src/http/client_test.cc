// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>

#include "http/listener.h"
#include "http/raw_peer.h"
#include "http/server.h"

namespace vm0::http {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

using SendResult = std::optional<Result<Response>>;
using StreamResult = std::optional<Result<std::unique_ptr<ResponseStream>>>;

asio::awaitable<void> SendTo(Client& client, Request request, Micros timeout, SendResult& result) {
  result = co_await client.Send(std::move(request), timeout);
}
asio::awaitable<void> OpenTo(Client& client, Request request, StreamResult& result) {
  result = co_await client.OpenStream(std::move(request), Seconds(30));
}
asio::awaitable<void> ReadTo(ResponseStream& stream, std::optional<Result<std::string>>& result) {
  result = co_await stream.Read();
}
// A caller that owns its client, as the main coroutine of a command does.
asio::awaitable<void> OwnClient(asio::io_context& loop, os::Clock& clock, Endpoint endpoint) {
  Client client(loop, clock, std::move(endpoint));
  Request request;
  (void)co_await client.Send(std::move(request), Seconds(30));
}

// A client, and a server whose every byte the test writes.
class ClientTest : public testing::Test {
 protected:
  ClientTest() : listener_(Listener::Tcp("127.0.0.1:0").value()) {
    endpoint_ = Endpoint::Parse("http://127.0.0.1:" + std::to_string(*listener_.Port())).value();
    client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
  }

  // The next connection of the client.
  RawPeer Accept() {
    os::Fd fd;
    RunUntil(loop_, [&] {
      if (!fd.is_open()) fd = os::Fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      return fd.is_open();
    });
    return RawPeer(loop_, std::move(fd));
  }
  bool NothingToAccept() {
    Settle();
    const os::Fd fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    return !fd.is_open();
  }
  void Settle() {
    loop_.restart();
    while (loop_.poll() > 0) loop_.restart();
  }
  void Start(Request request, SendResult& result, Micros timeout = Seconds(30)) {
    loop_.restart();
    auto work = SendTo(*client_, std::move(request), timeout, result);
    asio::co_spawn(loop_, std::move(work), asio::detached);
    Settle();
  }
  const Result<Response>& Finish(SendResult& result) {
    RunUntil(loop_, [&] { return result.has_value(); });
    return *result;
  }
  // One whole exchange that leaves the connection open.
  RawPeer WarmUp() {
    SendResult result;
    Start({}, result);
    RawPeer server = Accept();
    server.ReadUntil("\r\n\r\n");
    server.Send(kOk);
    EXPECT_TRUE(Finish(result));
    return server;
  }

  asio::io_context loop_;
  os::FakeClock clock_;
  Listener listener_;
  Endpoint endpoint_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, SendsARequestAndGivesTheAnswer) {
  Request request{.method = "POST", .target = "/x?y=1", .headers = {}, .body = "body"};
  request.headers.Set("Authorization", "Bearer t\r\nX-Injected: 1");
  SendResult result;
  Start(std::move(request), result);
  RawPeer server = Accept();
  const auto sent = server.ReadUntil("body");
  EXPECT_THAT(sent, StartsWith("POST /x?y=1 HTTP/1.1\r\nHost: " + endpoint_.Authority() + "\r\n"));
  EXPECT_THAT(sent, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(sent, Not(HasSubstr("\nX-Injected")));
  server.Send(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nX-Y: z\r\nContent-Length: 3\r\n\r\nabc");
  const auto& response = Finish(result);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->headers.Find("x-y"), "z");
  EXPECT_EQ(response->body, "abc");
}

TEST_F(ClientTest, PutsTheBasePathBeforeTheTarget) {
  Endpoint endpoint = endpoint_;
  endpoint.base_path = "/base";
  client_ = std::make_unique<Client>(loop_, clock_, endpoint);
  SendResult result;
  Start({.method = "GET", .target = "/t", .headers = {}, .body = ""}, result);
  RawPeer server = Accept();
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), StartsWith("GET /base/t HTTP/1.1\r\n"));
  client_.reset();
  EXPECT_FALSE(Finish(result));
}

TEST_F(ClientTest, TakesAnAnswerByteByByteInEachFraming) {
  for (const std::string answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello"}) {
    client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
    SendResult result;
    Start({}, result);
    RawPeer server = Accept();
    server.ReadUntil("\r\n\r\n");
    for (const char c : answer) {
      server.Send({&c, 1});
      Settle();
    }
    server.Close();
    const auto& response = Finish(result);
    ASSERT_TRUE(response) << answer << response.error().message;
    EXPECT_EQ(response->body, "hello");
  }
}

TEST_F(ClientTest, KeepsTheConnectionAndQueuesCalls) {
  SendResult first;
  SendResult second;
  SendResult third;
  Start({.method = "GET", .target = "/1", .headers = {}, .body = ""}, first);
  Start({.method = "GET", .target = "/2", .headers = {}, .body = ""}, second);
  Start({.method = "HEAD", .target = "/3", .headers = {}, .body = ""}, third);
  RawPeer server = Accept();
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), StartsWith("GET /1 "));
  server.Send(kOk);
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), StartsWith("GET /2 "));
  EXPECT_TRUE(first.has_value());
  server.Send(kOk);
  EXPECT_THAT(server.ReadUntil("\r\n\r\n"), StartsWith("HEAD /3 "));
  server.Send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
  EXPECT_EQ(Finish(third)->body, "");
  EXPECT_TRUE(NothingToAccept());
}

TEST_F(ClientTest, ACancelledCallerHoldsUpNobody) {
  SendResult results[4];
  asio::cancellation_signal waiting;
  asio::cancellation_signal using_it;
  auto work = SendTo(*client_, {}, Seconds(30), results[0]);
  asio::co_spawn(loop_, std::move(work),
                 asio::bind_cancellation_slot(using_it.slot(), asio::detached));
  Settle();
  auto queued = SendTo(*client_, {}, Seconds(30), results[1]);
  loop_.restart();
  asio::co_spawn(loop_, std::move(queued),
                 asio::bind_cancellation_slot(waiting.slot(), asio::detached));
  Settle();
  Start({.method = "GET", .target = "/last", .headers = {}, .body = ""}, results[2]);
  RawPeer first = Accept();
  waiting.emit(asio::cancellation_type::terminal);
  Settle();
  using_it.emit(asio::cancellation_type::terminal);
  Settle();
  EXPECT_THAT(first.ReadToEnd(), StartsWith("GET / ")) << "a half-used connection is closed";
  RawPeer second = Accept();
  EXPECT_THAT(second.ReadUntil("\r\n\r\n"), StartsWith("GET /last "));
  second.Send(kOk);
  EXPECT_TRUE(Finish(results[2]));
}

TEST_F(ClientTest, NamesTheEndpointThatRefuses) {
  listener_ = Listener::Tcp("127.0.0.1:0").value();  // the old port is closed now
  SendResult result;
  Start({}, result);
  const auto& response = Finish(result);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnreachable);
  EXPECT_EQ(response.error().message, endpoint_.ToString() + ": connect: Connection refused");
}

TEST_F(ClientTest, ReportsABrokenOrSenselessAnswerAsUnreachable) {
  for (const std::string answer :
       {"", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "SSH-2.0-x\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "\r\n\r\n\r\n"}) {
    client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
    SendResult result;
    Start({}, result);
    RawPeer server = Accept();
    server.ReadUntil("\r\n\r\n");
    server.Send(answer);
    server.Close();
    const auto& response = Finish(result);
    ASSERT_FALSE(response) << answer;
    EXPECT_EQ(response.error().code, Code::kUnreachable);
    EXPECT_THAT(response.error().message, StartsWith(endpoint_.ToString() + ": "));
  }
}

TEST_F(ClientTest, RepeatsASafeRequestOnceWhenTheKeptConnectionWasClosed) {
  for (const bool post : {false, true}) {
    client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
    RawPeer kept = WarmUp();
    Request request{.method = post ? "POST" : "GET", .target = "/again", .headers = {}, .body = ""};
    if (post) request.headers.Set("Idempotency-Key", "k");
    SendResult result;
    Start(std::move(request), result);
    kept.ReadUntil("\r\n\r\n");
    kept.Close();  // after the request, before an answer
    RawPeer fresh = Accept();
    EXPECT_THAT(fresh.ReadUntil("\r\n\r\n"), HasSubstr(" /again "));
    fresh.Close();
    const auto& response = Finish(result);
    ASSERT_FALSE(response) << "once only";
    EXPECT_EQ(response.error().code, Code::kUnreachable);
    EXPECT_TRUE(NothingToAccept());
  }
}

TEST_F(ClientTest, DoesNotRepeatWhatMayHaveHappened) {
  for (const std::string method : {"POST", "DELETE"}) {
    client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
    RawPeer kept = WarmUp();
    SendResult result;
    Start({.method = method, .target = "/once", .headers = {}, .body = "x"}, result);
    kept.ReadUntil("\r\n\r\n");
    kept.Close();
    EXPECT_FALSE(Finish(result));
    EXPECT_TRUE(NothingToAccept());
  }
  client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
  RawPeer kept = WarmUp();
  SendResult answered;
  Start({}, answered);
  kept.ReadUntil("\r\n\r\n");
  kept.Send("H");
  kept.Close();
  EXPECT_FALSE(Finish(answered)) << "an answer had begun";
  EXPECT_TRUE(NothingToAccept());
}

TEST_F(ClientTest, SendsAnythingOnAFreshConnectionWhenTheKeptOneIsKnownToBeClosed) {
  for (const std::string last_words : {"", "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"}) {
    client_ = std::make_unique<Client>(loop_, clock_, endpoint_);
    RawPeer kept = WarmUp();
    kept.Send(last_words);
    if (last_words.empty()) kept.Close();
    SendResult result;
    Start({.method = "POST", .target = "/p", .headers = {}, .body = "x"}, result);
    RawPeer fresh = Accept();
    fresh.ReadUntil("\r\n\r\nx");
    fresh.Send(kOk);
    EXPECT_EQ(Finish(result)->status, 200);
  }
}

TEST_F(ClientTest, DoesNotKeepAConnectionThatTheServerCloses) {
  SendResult result;
  Start({}, result);
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  server.Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(Finish(result));
  EXPECT_EQ(server.ReadToEnd(), "");
}

TEST_F(ClientTest, TimeLimitCoversConnectingWaitingAndTheWholeAnswer) {
  SendResult first;
  SendResult queued;
  Start({}, first, Seconds(10));
  Start({}, queued, Seconds(5));
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  server.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
  Settle();
  clock_.Advance(Seconds(5));
  EXPECT_EQ(Finish(queued).error().code, Code::kDeadline);
  EXPECT_FALSE(first.has_value());
  server.Send("more");
  Settle();
  clock_.Advance(Seconds(5));
  EXPECT_EQ(Finish(first).error().code, Code::kDeadline);
  EXPECT_THAT(first->error().message, HasSubstr(endpoint_.ToString() + ": no answer within 10s"));
  EXPECT_EQ(clock_.pending(), 0u);
  SendResult next;
  Start({}, next);
  RawPeer fresh = Accept();
  fresh.ReadUntil("\r\n\r\n");
  fresh.Send(kOk);
  EXPECT_TRUE(Finish(next));
}

TEST_F(ClientTest, RefusesABodyAbove64MiB) {
  SendResult result;
  Start({}, result);
  RawPeer server = Accept();
  server.ReadUntil("\r\n\r\n");
  server.Send("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n");
  EXPECT_EQ(Finish(result).error().code, Code::kPayloadTooLarge);
}

TEST_F(ClientTest, CloseEndsAllThatWait) {
  SendResult first;
  SendResult queued;
  StreamResult stream;
  Start({}, first);
  Start({}, queued);
  auto work = OpenTo(*client_, {}, stream);
  asio::co_spawn(loop_, std::move(work), asio::detached);
  Settle();
  RawPeer server = Accept();
  client_->Close();
  EXPECT_EQ(Finish(first).error().code, Code::kUnreachable);
  EXPECT_EQ(Finish(queued).error().code, Code::kUnreachable);
  RunUntil(loop_, [&] { return stream.has_value(); });
  EXPECT_EQ(stream->error().code, Code::kUnreachable);
  SendResult next;
  Start({}, next);
  client_.reset();
  EXPECT_EQ(Finish(next).error().code, Code::kUnreachable);
}

TEST_F(ClientTest, MayBeDestroyedWithTheLoopInTheMiddle) {
  auto loop = std::make_unique<asio::io_context>();
  auto clock = std::make_unique<os::FakeClock>();
  auto client = std::make_unique<Client>(*loop, *clock, endpoint_);
  SendResult results[2];
  for (auto& result : results) {
    auto work = SendTo(*client, {}, Seconds(30), result);
    asio::co_spawn(*loop, std::move(work), asio::detached);
  }
  auto own = OwnClient(*loop, *clock, endpoint_);
  asio::co_spawn(*loop, std::move(own), asio::detached);
  loop->poll();
  client.reset();
  clock.reset();
  loop.reset();
}

class StreamTest : public ClientTest {
 protected:
  std::unique_ptr<ResponseStream> Open(RawPeer& server, std::string_view head) {
    StreamResult result;
    loop_.restart();
    auto work = OpenTo(*client_, {}, result);
    asio::co_spawn(loop_, std::move(work), asio::detached);
    server = Accept();
    server.ReadUntil("\r\n\r\n");
    server.Send(head);
    RunUntil(loop_, [&] { return result.has_value(); });
    EXPECT_TRUE(*result) << result->error().message;
    return std::move(**result);
  }
  Result<std::string> Read(ResponseStream& stream, const std::function<void()>& meanwhile = {}) {
    std::optional<Result<std::string>> result;
    loop_.restart();
    auto work = ReadTo(stream, result);
    asio::co_spawn(loop_, std::move(work), asio::detached);
    Settle();
    if (meanwhile) {
      EXPECT_FALSE(result.has_value());
      meanwhile();
    }
    RunUntil(loop_, [&] { return result.has_value(); });
    return std::move(*result);
  }

  const std::string chunked_ =
      "HTTP/1.1 200 OK\r\nContent-Type: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  RawPeer server_{loop_, os::Fd()};
};

TEST_F(StreamTest, GivesBytesAsTheyComeUntilTheEnd) {
  const auto stream = Open(server_, chunked_ + "3\r\none\r\n");
  EXPECT_EQ(stream->head().status, 200);
  EXPECT_EQ(stream->head().headers.Find("content-type"), "t");
  EXPECT_EQ(Read(*stream), "one");
  clock_.Advance(std::chrono::hours(100));  // no limit after the head
  EXPECT_EQ(Read(*stream, [&] { server_.Send("3\r\ntwo\r\n5\r\nth"); }), "twoth");
  EXPECT_EQ(Read(*stream, [&] { server_.Send("ree\r\n0\r\n\r\n"); }), "ree");
  EXPECT_EQ(Read(*stream), "");
  EXPECT_EQ(Read(*stream), "");
}

TEST_F(StreamTest, TellsABrokenStreamFromItsEnd) {
  const auto stream = Open(server_, chunked_);
  const auto piece = Read(*stream, [&] { server_.Close(); });
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, Code::kUnreachable);
  EXPECT_THAT(piece.error().message, StartsWith(endpoint_.ToString()));
}

TEST_F(StreamTest, CloseEndsAReadThatWaits) {
  auto stream = Open(server_, chunked_);
  EXPECT_EQ(Read(*stream, [&] { stream->Close(); }).error().code, Code::kUnreachable);
  EXPECT_EQ(server_.ReadToEnd(), "");
}

TEST_F(StreamTest, MayBeDestroyedWhileAReadWaits) {
  auto stream = Open(server_, chunked_);
  EXPECT_FALSE(Read(*stream, [&] { stream.reset(); }));
  auto other = Open(server_, chunked_);
  client_.reset();
  EXPECT_EQ(Read(*other, [&] { server_.Send("1\r\nx\r\n"); }), "x") << "outlives its client";
}

TEST_F(StreamTest, HasATimeLimitForItsHead) {
  StreamResult result;
  auto work = OpenTo(*client_, {}, result);
  asio::co_spawn(loop_, std::move(work), asio::detached);
  server_ = Accept();
  server_.Send("HTTP/1.1 200 OK\r\n");
  Settle();
  clock_.Advance(Seconds(30));
  RunUntil(loop_, [&] { return result.has_value(); });
  EXPECT_EQ(result->error().code, Code::kDeadline);
}

TEST_F(ClientTest, TalksToTheServerOverAUnixSocketWithALongPath) {
  char name[] = "/tmp/vm0-client-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  const std::string folder = directory + "/" + std::string(150, 'd');
  std::filesystem::create_directory(folder);
  std::string host;
  auto handler = [&host](Exchange& exchange) {
    host = exchange.request().headers.Find("Host").value_or("");
    EXPECT_EQ(exchange.transport(), Transport::kUnix);
    return exchange.Send({.status = 201, .headers = {}, .body = exchange.request().body});
  };
  Server server(loop_, clock_, {}, handler, [](const Error&) { return Response{}; });
  ASSERT_TRUE(server.ListenUnix(folder + "/s"));
  client_ =
      std::make_unique<Client>(loop_, clock_, Endpoint::Parse("unix:" + folder + "/s").value());
  SendResult result;
  const std::string body(3 << 20, 'b');
  Start({.method = "PUT", .target = "/", .headers = {}, .body = body}, result);
  EXPECT_EQ(Finish(result)->body, body);
  EXPECT_EQ(host, "localhost");
  server.StopListening();
  server.CloseConnections();
  SendResult refused;
  Start({}, refused);
  EXPECT_EQ(Finish(refused).error().code, Code::kUnreachable);
  EXPECT_THAT(refused->error().message, StartsWith("unix:" + folder + "/s: "));
  std::filesystem::remove_all(directory);
}

TEST_F(ClientTest, ReadsWhyALargeBodyWasRefused) {
  const auto handler = [](Exchange& exchange) { return exchange.Send({}); };
  const auto format = [](const Error& error) {
    return Response{.status = InfoOf(error.code).http_status, .headers = {}, .body = error.message};
  };
  Server server(loop_, clock_, {.body_bytes = 1000}, handler, format);
  const auto port = server.ListenTcp("127.0.0.1:0").value();
  Endpoint endpoint = endpoint_;
  endpoint.port = std::to_string(port);
  client_ = std::make_unique<Client>(loop_, clock_, endpoint);
  SendResult result;
  Start({.method = "POST", .target = "/", .headers = {}, .body = std::string(30'000'000, 'x')},
        result);
  const auto& response = Finish(result);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
}

}  // namespace
}  // namespace vm0::http
