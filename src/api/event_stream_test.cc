// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "api/test_reader.h"
#include "api/test_stack.h"
#include "event/record.h"

namespace vm0::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string EventsPath(const std::string& id, const std::string& query = "") {
  return "/api/agent/runs/" + id + "/events" + query;
}

const std::string kStatus = R"({"status":"running","provider":"command","dialect":"plain"})";

std::string Envelope(int number, const std::string& time = "2025-11-20T08:00:00.000Z") {
  return R"({"sequenceNumber":)" + std::to_string(number) +
         R"(,"eventType":"text","eventData":{"type":"text","n":)" + std::to_string(number) +
         R"(},"createdAt":")" + time + R"(","source":"agent"})";
}

TEST(EventStream, SaysTheStatusThenEachEventThenTheEnd) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 2), run.token);
  SseReader reader(stack, EventsPath(run.id));
  EXPECT_EQ(reader.head.headers.Find("Content-Type"), "text/event-stream");
  EXPECT_EQ(reader.head.headers.Find("X-Accel-Buffering"), "no");
  EXPECT_EQ(reader.Next(), "status " + kStatus);
  EXPECT_EQ(reader.Next(), "#1 " + Envelope(1));
  EXPECT_EQ(reader.Next(), "#2 " + Envelope(2));
  stack.PostRecords(Stack::Records(3, 3), run.token);
  EXPECT_EQ(reader.Next(), "#3 " + Envelope(3));
  EXPECT_EQ(stack.api->readers().sse, 1u);
  EXPECT_EQ(stack.api->open_reads(), 1u);
  ASSERT_EQ(stack.Complete(run, 3).status, 200);
  EXPECT_THAT(reader.Next(), StartsWith(R"(end {"status":"completed","result":)"));
  EXPECT_EQ(reader.Next(), "(end)");
  EXPECT_THAT(reader.text, StartsWith("retry: "));
  EXPECT_EQ(stack.api->open_reads(), 0u);
}

TEST(EventStream, TellsEachStatusOnceAndTheLastOnlyWithTheEnd) {
  Stack stack;
  const std::string id = stack.CreateRun();
  SseReader reader(stack, EventsPath(id));
  EXPECT_THAT(reader.Next(), StartsWith(R"(status {"status":"pending",)"));
  const Reply claim = stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
  EXPECT_EQ(reader.Next(), "status " + kStatus);
  const std::string token = claim.text("token");
  stack.Post("/api/webhooks/agent/start", "{}", token);
  stack.PostRecords(Stack::Records(1, 5), token);
  ASSERT_EQ(stack.Complete({id, token, 1}, 5).status, 200);
  EXPECT_EQ(reader.Rest(), (std::vector<std::string>{"1", "2", "3", "4", "5", "end"}));
  SseReader late(stack, EventsPath(id));
  EXPECT_EQ(late.Next(), "status " + kStatus) << "it runs, as long as there are events to come";
  EXPECT_EQ(late.Rest(), (std::vector<std::string>{"1", "2", "3", "4", "5", "end"}));
}

TEST(EventStream, BeginsBehindItsCursorAndLastEventIdWins) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 9), run.token);
  stack.Complete(run, 9);
  SseReader since(stack, EventsPath(run.id, "?since=7"));
  EXPECT_EQ(since.Rest(), (std::vector<std::string>{"status", "8", "9", "end"}));
  SseReader again(stack, EventsPath(run.id, "?since=2"), {{"Last-Event-ID", "8"}});
  EXPECT_EQ(again.Rest(), (std::vector<std::string>{"status", "9", "end"}));
  SseReader empty(stack, EventsPath(run.id, "?since=8"), {{"Last-Event-ID", ""}});
  EXPECT_EQ(empty.Rest(), (std::vector<std::string>{"status", "9", "end"}));
}

TEST(EventStream, EndsWith204OnlyForABrowserThatHasSeenAll) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 2), run.token);
  const HeaderList seen_all = {{"Last-Event-ID", "2"}};
  {
    SseReader live(stack, EventsPath(run.id), seen_all);
    EXPECT_EQ(live.status, 200) << "it may go on";
  }
  stack.Complete(run, 2);
  EXPECT_EQ(SseReader(stack, EventsPath(run.id), seen_all).status, 204);
  EXPECT_EQ(SseReader(stack, EventsPath(run.id), {{"Last-Event-ID", "1"}}).status, 200);
  SseReader by_query(stack, EventsPath(run.id, "?since=2"));
  EXPECT_EQ(by_query.Rest(), std::vector<std::string>{"end"});
}

TEST(EventStream, RefusesBadCursors) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  const auto refusal = [&](const std::string& query, const HeaderList& headers = {}) {
    const SseReader reader(stack, EventsPath(run.id, query), headers);
    const Reply reply{reader.head.status, reader.head.headers, reader.head.body};
    return std::to_string(reply.status) + " " + reply.code();
  };
  EXPECT_EQ(refusal("?since=4"), "409 CURSOR_AHEAD");
  EXPECT_EQ(refusal("", {{"Last-Event-ID", "4"}}), "409 CURSOR_AHEAD");
  EXPECT_EQ(refusal("?since=x"), "400 BAD_REQUEST");
  EXPECT_EQ(refusal("?view=x"), "400 BAD_REQUEST");
  for (const char* bad : {"x", "-1", "+1", "1.5", "99999999999999999999"})
    EXPECT_EQ(refusal("", {{"Last-Event-ID", bad}}), "400 BAD_REQUEST") << bad;
  EXPECT_EQ(stack.feed->listeners(), 0u);
}

TEST(EventStream, ACarriageReturnComesBackFromItsFrame) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string event = "{\r\"type\":\"text\",\r\r\"n\":1}\r";
  std::string record;
  event::AppendRecord(record, 1, stack.clock.WallNow(), event::Source::kAgent, event);
  ASSERT_EQ(stack.PostRecords(record, run.token).status, 200);
  SseReader reader(stack, EventsPath(run.id));
  reader.Next();
  EXPECT_THAT(reader.Next(), HasSubstr("\"eventData\":" + event + ","));
  EXPECT_THAT(reader.text, Not(HasSubstr("\r")));
  EXPECT_THAT(reader.text, HasSubstr("\"eventData\":{ \"type\":\"text\",  \"n\":1} ,"));
}

TEST(EventStream, ViewsAreThoseOfPages) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 1), run.token);
  for (const std::string view : {"raw", "parsed", "both"}) {
    const std::string page = stack.Get(EventsPath(run.id, "?view=" + view), stack.alice).body;
    SseReader reader(stack, EventsPath(run.id, "?view=" + view));
    reader.Next();
    const std::string event = reader.Next();
    EXPECT_THAT(page, HasSubstr("[" + event.substr(event.find(' ') + 1) + "]")) << view;
  }
}

TEST(EventStream, ManyReadersOfARunCostTheStoreNoMoreThanOne) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  std::vector<std::unique_ptr<SseReader>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(std::make_unique<SseReader>(stack, EventsPath(run.id)));
    EXPECT_EQ(readers.back()->Next(), "status " + kStatus);
  }
  EXPECT_EQ(stack.api->readers().sse, 50u);
  stack.PostRecords(Stack::Records(1, 3), run.token);
  stack.Complete(run, 3);
  for (auto& reader : readers)
    EXPECT_EQ(reader->Rest(), (std::vector<std::string>{"1", "2", "3", "end"}));
}

TEST(ProtocolRow, StreamSilence_SaysACommentEachFifteenSeconds) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  SseReader reader(stack, EventsPath(run.id));
  reader.Next();
  for (int i = 0; i < 3; ++i) {
    const std::size_t before = reader.text.size();
    stack.RunUntil([&] { return stack.clock.pending() > 0; });
    stack.Get("/healthz", "");
    stack.Advance(Seconds(15));
    stack.RunUntil([&] { return reader.text.size() > before; });
    EXPECT_THAT(reader.text, EndsWith(":\n\n"));
  }
}

TEST(ProtocolRow, StreamServerStops_EndsWithoutAnEnd) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 1), run.token);
  SseReader reader(stack, EventsPath(run.id));
  reader.Next();
  reader.Next();
  stack.api->EndWaits();
  EXPECT_EQ(reader.Next(), "(end)");
  SseReader later(stack, EventsPath(run.id));
  EXPECT_EQ(later.Next(), "(end)");
}

TEST(EventStream, ForgetsAReaderThatGoesAway) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  {
    SseReader reader(stack, EventsPath(run.id));
    reader.Next();
    EXPECT_EQ(stack.feed->listeners(), 1u);
    stack.Advance(Seconds(10));
  }
  stack.RunUntil([&] { return stack.api->open_reads() == 0; });
  EXPECT_EQ(stack.feed->listeners(), 0u);
  EXPECT_EQ(stack.api->last_request(), stack.clock.Now()) << "until now somebody used the server";
}

// A reader over WebSocket.
class SocketReader {
 public:
  SocketReader(Stack& stack, const std::string& target, const HeaderList& headers)
      : stack_(stack),
        client_(stack.loop, stack.clock, *http::Endpoint::Parse("http://127.0.0.1:" + stack.port)) {
    http::Request request{.method = "GET", .target = target, .headers = {}, .body = ""};
    for (const auto& [name, value] : headers) request.headers.Set(name, value);
    auto work = Read(std::move(request));
    asio::co_spawn(stack.loop, std::move(work), asio::detached);
    stack.RunUntil([this] { return answer.has_value(); });
  }
  ~SocketReader() {
    if (answer->stream) answer->stream->Close();
    stack_.RunUntil([this] { return ended; });
  }

  // The next message; at the end "closed <code>".
  std::string Next() {
    stack_.RunUntil([this] { return ended || !messages_.empty(); });
    if (messages_.empty()) return "closed " + std::to_string(answer->stream->close_code());
    std::string message = messages_.front();
    messages_.erase(messages_.begin());
    return message;
  }
  Reply refusal() const {
    return {answer->refusal.status, answer->refusal.headers, answer->refusal.body};
  }

  std::optional<http::WebSocketAnswer> answer;
  bool ended = false;

 private:
  asio::awaitable<void> Read(http::Request request) {
    auto opened = co_await client_.OpenWebSocket(std::move(request), Seconds(30));
    answer.emplace();
    if (opened) answer = std::move(*opened);
    while (answer->stream) {
      auto message = co_await answer->stream->Read();
      if (!message || !*message) break;
      messages_.push_back(**message);
    }
    ended = true;
  }

  Stack& stack_;
  http::Client client_;
  std::vector<std::string> messages_;
};

HeaderList Bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

TEST(EventSocket, SaysTheSameAsAStream) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  SocketReader reader(stack, EventsPath(run.id, "/ws?since=1"), Bearer(stack.alice));
  EXPECT_EQ(reader.answer->refusal.status, 101);
  EXPECT_EQ(reader.Next(), R"({"status":)" + kStatus + "}");
  EXPECT_EQ(reader.Next(), R"({"event":)" + Envelope(2) + "}");
  EXPECT_EQ(reader.Next(), R"({"event":)" + Envelope(3) + "}");
  EXPECT_EQ(stack.api->readers().web_socket, 1u);
  stack.PostRecords(Stack::Records(4, 4), run.token);
  EXPECT_EQ(reader.Next(), R"({"event":)" + Envelope(4) + "}");
  stack.Complete(run, 4);
  EXPECT_THAT(reader.Next(), StartsWith(R"({"end":{"status":"completed",)"));
  EXPECT_EQ(reader.Next(), "closed 1000");
}

TEST(EventSocket, TakesATokenAsASubprotocolFromABrowser) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string path = EventsPath(run.id, "/ws");
  const auto offer = [](const std::string& protocols) {
    return HeaderList{{"Sec-WebSocket-Protocol", protocols}};
  };
  SocketReader reader(stack, path, offer("vm0.events, vm0.token." + stack.alice));
  EXPECT_EQ(reader.answer->refusal.status, 101);
  EXPECT_EQ(reader.answer->refusal.headers.Find("Sec-WebSocket-Protocol"), "vm0.events");
  EXPECT_THAT(SocketReader(stack, path, offer("vm0.events, vm0.token.wrong")).refusal(),
              IsError(401, "UNAUTHORIZED"));
  EXPECT_THAT(SocketReader(stack, path, offer("vm0.events")).refusal(),
              IsError(401, "UNAUTHORIZED"));
  const Reply malformed =
      SocketReader(stack, path, offer("vm0.token." + std::string(300, 'a'))).refusal();
  EXPECT_THAT(malformed, IsError(401, "UNAUTHORIZED"));
  EXPECT_THAT(malformed.message(), HasSubstr("Sec-WebSocket-Protocol is malformed"));
  EXPECT_THAT(SocketReader(stack, path, offer("vm0.token." + stack.bob)).refusal(),
              IsError(404, "NOT_FOUND"));
}

TEST(EventSocket, RefusesBadCursorsAndPlainRequests) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const auto refusal = [&](const std::string& query) {
    return SocketReader(stack, EventsPath(run.id, "/ws" + query), Bearer(stack.alice)).refusal();
  };
  EXPECT_THAT(refusal("?since=1"), IsError(409, "CURSOR_AHEAD"));
  EXPECT_THAT(refusal("?since=x"), IsError(400, "BAD_REQUEST"));
  const Reply plain = stack.Get(EventsPath(run.id, "/ws"), stack.alice);
  EXPECT_THAT(plain, IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(plain.message(), HasSubstr("WebSocket"));
  const std::string head = stack.SendRaw(
      "HEAD " + EventsPath(run.id, "/ws") + " HTTP/1.1\r\nHost: localhost\r\n" +
      "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer " + stack.alice +
      "\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 400 "));
}

TEST(EventSocket, IsPingedAndClosedWhenTheServerStops) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  SocketReader reader(stack, EventsPath(run.id, "/ws"), Bearer(stack.alice));
  reader.Next();
  for (int i = 0; i < 5; ++i) {
    stack.Get("/healthz", "");
    stack.Advance(Seconds(15));
    EXPECT_EQ(reader.Next(), "") << "a ping, which was answered";
  }
  stack.api->EndWaits();
  EXPECT_EQ(reader.Next(), "closed 1001");
}

}  // namespace
}  // namespace vm0::api
