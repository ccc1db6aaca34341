// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "api/test_stack.h"
#include "event/record.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

std::string EventsPath(const std::string& id, const std::string& query = "") {
  return "/api/agent/runs/" + id + "/events" + query;
}

std::int64_t Number(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr || !value->is_int64() ? -1 : value->get_int64();
}

TEST(Events, APageHasTheReferencesShape) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 1), run.token);
  EXPECT_EQ(
      stack.Get(EventsPath(run.id), stack.alice).body,
      R"({"events":[{"sequenceNumber":1,"eventType":"text","eventData":{"type":"text","n":1},)"
      R"("createdAt":"2025-11-20T08:00:00.000Z","source":"agent"}],"hasMore":false,)"
      R"("nextSequence":1,"run":{"status":"running"},"provider":"command","dialect":"plain"})");
}

TEST(Events, AnEmptyPageGivesTheCursorBack) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(stack.Get(EventsPath(run.id), stack.alice).body,
            R"({"events":[],"hasMore":false,"nextSequence":0,"run":{"status":"running"},)"
            R"("provider":"command","dialect":"plain"})");
  stack.PostRecords(Stack::Records(1, 4), run.token);
  const json::object page = stack.Get(EventsPath(run.id, "?since=4"), stack.alice).object();
  EXPECT_EQ(Number(page, "nextSequence"), 4);
  EXPECT_TRUE(ArrayMember(page, "events")->empty());
}

TEST(Events, HasMoreIsExactAndTheEndComesLast) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 4), run.token);
  ASSERT_EQ(stack.Complete(run, 4).status, 200);
  const auto state = [&](const std::string& query) {
    const json::object page = stack.Get(EventsPath(run.id, query), stack.alice).object();
    return std::string(page.at("hasMore").as_bool() ? "more " : "last ") +
           std::string(*StringMember(*ObjectMember(page, "run"), "status"));
  };
  EXPECT_EQ(state("?limit=3"), "more running");
  EXPECT_EQ(state("?limit=4"), "last completed");
  EXPECT_EQ(state("?since=2&limit=2"), "last completed");
  EXPECT_EQ(state("?since=2&limit=1"), "more running");
  EXPECT_EQ(state("?since=4&limit=1"), "last completed");
  EXPECT_THAT(stack.Get(EventsPath(run.id), stack.alice).body, HasSubstr(R"("output":"done")"));
}

TEST(Events, PagingLosesAndRepeatsNothingWhateverThePageSizes) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  std::mt19937 random(7);
  constexpr std::int64_t kLast = 700;
  std::int64_t stored = 0;
  std::int64_t cursor = 0;
  while (cursor < kLast) {
    if (stored < kLast) {
      const std::int64_t last = std::min<std::int64_t>(kLast, stored + 1 + random() % 120);
      ASSERT_EQ(stack.PostRecords(Stack::Records(stored + 1, last), run.token).status, 200);
      stored = last;
    }
    const std::int64_t limit = 1 + random() % 90;
    const json::object page = stack
                                  .Get(EventsPath(run.id, "?since=" + std::to_string(cursor) +
                                                              "&limit=" + std::to_string(limit)),
                                       stack.alice)
                                  .object();
    for (const json::value& event : *ArrayMember(page, "events")) {
      ASSERT_EQ(Number(event.as_object(), "sequenceNumber"), ++cursor);
      ASSERT_EQ(Number(*ObjectMember(event.as_object(), "eventData"), "n"), cursor);
    }
    ASSERT_EQ(Number(page, "nextSequence"), cursor);
    ASSERT_EQ(page.at("hasMore").as_bool(), cursor < stored);
  }
}

TEST(Events, EventDataIsByteForByteWhatTheAgentWrote) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string events[] = {
      "{\"type\":\"a\",\"line\":\"\xe2\x80\xa8\xe2\x80\xa9\"}",
      R"({"lone":"\ud800","pair":"\ud83d\ude00"})",
      R"({"big":123456789012345678901234567890,"small":1e-400,"minus":-0,"exp":1.50E+02})",
      R"({"twice":1,"twice":2,"type":"x","type":"y"})",
      "{ \"spaced\" :\t[ 1 , 2 ] }  \r",
      R"({"":"","\u0000":"\/"})",
  };
  std::string records;
  std::int64_t number = 0;
  for (const std::string& event : events)
    event::AppendRecord(records, ++number, stack.clock.WallNow(), event::Source::kAgent, event);
  ASSERT_EQ(stack.PostRecords(records, run.token).status, 200);
  const std::string body = stack.Get(EventsPath(run.id), stack.alice).body;
  for (const std::string& event : events)
    EXPECT_THAT(body, HasSubstr("\"eventData\":" + event + ",\"createdAt\""));
  EXPECT_THAT(body, HasSubstr(R"("sequenceNumber":4,"eventType":"y")"));
  EXPECT_THAT(body, HasSubstr(R"("sequenceNumber":2,"eventType":"unknown")"));
}

TEST(Events, TheParsedViewIsOfAgentsEventsOnly) {
  Stack stack;
  stack.Post("/api/agent/configs",
             R"({"config":{"version":"1","agent":{"name":"tester","provider":"command",)"
             R"("command":["x"],"dialect":"claude-code"}}})",
             stack.alice);
  stack.Post("/api/agent/runs", std::string(kTesterRun), stack.alice);
  const Reply claim = stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
  stack.Post("/api/webhooks/agent/start", "{}", claim.text("token"));
  const std::string text =
      R"({"type":"assistant","message":{"content":[{"type":"text","text":"hi"}]}})";
  std::string records;
  const WallTime now = stack.clock.WallNow();
  event::AppendRecord(records, 1, now, event::Source::kAgent, text);
  event::AppendRecord(records, 2, now, event::Source::kStdout, R"({"type":"stdout","text":"x"})");
  event::AppendRecord(records, 3, now, event::Source::kVm0, text);
  ASSERT_EQ(stack.PostRecords(records, claim.text("token")).status, 200);
  const std::string id = claim.text("runId");

  const std::string parsed = stack.Get(EventsPath(id, "?view=parsed"), stack.alice).body;
  EXPECT_THAT(parsed, HasSubstr(R"({"sequenceNumber":1,"eventType":"assistant","parsed":[{)"));
  EXPECT_THAT(parsed, HasSubstr(R"("text":"hi")"));
  EXPECT_THAT(parsed, testing::Not(HasSubstr("eventData")));
  EXPECT_THAT(parsed, HasSubstr(R"({"sequenceNumber":2,"eventType":"stdout","parsed":[],)"));
  EXPECT_THAT(parsed, HasSubstr(R"({"sequenceNumber":3,"eventType":"assistant","parsed":[],)"));
  EXPECT_THAT(parsed, HasSubstr(R"("source":"vm0")"));
  const std::string both = stack.Get(EventsPath(id, "?view=both"), stack.alice).body;
  EXPECT_THAT(both, HasSubstr("\"eventData\":" + text + R"(,"parsed":[{)"));
  EXPECT_EQ(stack.Get(EventsPath(id, "?view=raw"), stack.alice).body,
            stack.Get(EventsPath(id), stack.alice).body);
}

TEST(Events, NamesTheParameterThatIsWrong) {
  Stack stack;
  const std::string id = stack.CreateRun();
  const struct {
    const char* query;
    const char* message;
  } cases[] = {
      {"?since=-1", "since must be a whole number from 0 to 9223372036854775807"},
      {"?since=9223372036854775808", "since must be"},
      {"?since=1e3", "since must be"},
      {"?since=NaN", "since must be"},
      {"?since=", "since must be"},
      {"?since=%00", "NUL"},
      {"?limit=0", "limit must be a whole number from 1 to 1000"},
      {"?limit=1001", "limit must be"},
      {"?limit=5%20", "limit must be"},
      {"?wait=61", "wait must be a whole number from 0 to 60"},
      {"?wait=1.5", "wait must be"},
      {"?view=pretty", "view must be raw, parsed or both"},
      {"?view=", "view must be"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Get(EventsPath(id, each.query), stack.alice);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.query;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.query;
  }
  EXPECT_EQ(stack.Get(EventsPath(id, "?since=0&limit=1000&wait=0&colour=red"), stack.alice).status,
            200);
}

TEST(Events, ACursorBeyondTheLastNumberIsRefusedWithThatNumber) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 4), run.token);
  for (const char* query : {"?since=5", "?since=9223372036854775807", "?since=5&wait=60"}) {
    const Reply reply = stack.Get(EventsPath(run.id, query), stack.alice);
    EXPECT_THAT(reply, IsError(409, "CURSOR_AHEAD")) << query;
    EXPECT_EQ(Number(*ObjectMember(reply.object(), "error"), "number"), 4);
  }
}

TEST(LongPoll, AnswersAtOnceWhenThereIsSomething) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 1), run.token);
  EXPECT_EQ(stack.Get(EventsPath(run.id, "?wait=60"), stack.alice).status, 200);
  ASSERT_EQ(stack.Complete(run, 1).status, 200);
  EXPECT_THAT(stack.Get(EventsPath(run.id, "?wait=60&since=1"), stack.alice).body,
              HasSubstr(R"("status":"completed")"));
}

// A reader that waits for what comes after `since`.
std::shared_ptr<Stack::Pending> WaitAfter(Stack& stack, const std::string& id, int since) {
  auto pending = stack.Start("GET", EventsPath(id, "?wait=30&since=" + std::to_string(since)), "",
                             stack.alice);
  stack.RunUntil([&] { return stack.api->open_reads() == 1 && stack.feed->waiting_readers() > 0; });
  EXPECT_FALSE(pending->done());
  return pending;
}

TEST(LongPoll, WakesOnAnEvent) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const auto reader = WaitAfter(stack, run.id, 0);
  ASSERT_EQ(stack.PostRecords(Stack::Records(1, 2), run.token).status, 200);
  const json::object page = stack.Finish(reader).object();
  EXPECT_EQ(Number(page, "nextSequence"), 2);
  EXPECT_EQ(stack.api->open_reads(), 0u);
}

TEST(LongPoll, WakesOnTheEnd) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const auto reader = WaitAfter(stack, run.id, 0);
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  EXPECT_THAT(stack.Finish(reader).body, HasSubstr(R"("run":{"status":"completed",)"));
}

TEST(LongPoll, DoesNotEndWhenTheRunIsOnlyClaimed) {
  Stack stack;
  const std::string id = stack.CreateRun();
  const auto reader = WaitAfter(stack, id, 0);
  const Reply claim = stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
  stack.Post("/api/webhooks/agent/start", "{}", claim.text("token"));
  EXPECT_FALSE(reader->done());
  ASSERT_EQ(stack.PostRecords(Stack::Records(1, 1), claim.text("token")).status, 200);
  EXPECT_THAT(stack.Finish(reader).body, HasSubstr(R"("nextSequence":1)"));
}

TEST(ProtocolRow, LongPollDeadline_AnswersEmptyWithTheCursor) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  const auto reader = WaitAfter(stack, run.id, 3);
  stack.Advance(Seconds(29));
  stack.Get("/healthz", "");
  EXPECT_FALSE(reader->done());
  stack.Advance(Seconds(1));
  const Reply reply = stack.Finish(reader);
  EXPECT_EQ(reply.status, 200);
  const json::object page = reply.object();
  EXPECT_TRUE(ArrayMember(page, "events")->empty());
  EXPECT_EQ(Number(page, "nextSequence"), 3);
}

TEST(LongPoll, IsForgottenWhenItsReaderGoesAway) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const auto reader = WaitAfter(stack, run.id, 0);
  stack.Abort(reader);
  stack.RunUntil([&] { return stack.api->open_reads() == 0; });
  EXPECT_EQ(stack.feed->waiting_readers(), 0u);
}

TEST(LongPoll, EndsWhenTheServerStops) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const auto reader = WaitAfter(stack, run.id, 0);
  stack.api->EndWaits();
  EXPECT_EQ(stack.Finish(reader).status, 200);
  // And one that comes later does not begin to wait.
  EXPECT_EQ(stack.Get(EventsPath(run.id, "?wait=60"), stack.alice).status, 200);
}

TEST(ProtocolRow, PageLimits_APageStopsAtEightMebibytes) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string big = "{\"x\":\"" + std::string(3 << 20, 'x') + "\"}";
  for (int number = 1; number <= 4; ++number) {
    std::string record;
    event::AppendRecord(record, number, stack.clock.WallNow(), event::Source::kAgent, big);
    ASSERT_EQ(stack.PostRecords(record, run.token).status, 200);
  }
  std::int64_t cursor = 0;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const json::object page =
        stack.Get(EventsPath(run.id, "?since=" + std::to_string(cursor)), stack.alice).object();
    more = page.at("hasMore").as_bool();
    EXPECT_LT(ArrayMember(page, "events")->size(), 4u);
    ASSERT_GT(Number(page, "nextSequence"), cursor);
    cursor = Number(page, "nextSequence");
  }
  EXPECT_EQ(cursor, 4);
  EXPECT_EQ(pages, 2);
}

}  // namespace
}  // namespace vm0::api
