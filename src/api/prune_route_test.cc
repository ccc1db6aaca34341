// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kAll = R"({"olderThan":0})";

std::string RunPath(const std::string& id) { return "/api/agent/runs/" + id; }

std::int64_t Number(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr || !value->is_int64() ? -1 : value->get_int64();
}

struct PruneRouteTest : testing::Test {
  // Of alice, with so many events.
  Stack::ClaimedRun Ended(std::int64_t events) {
    const Stack::ClaimedRun run = stack.ClaimAndStart();
    for (std::int64_t first = 1; first <= events; first += 1000) {
      const std::int64_t last = std::min(first + 999, events);
      EXPECT_EQ(stack.PostRecords(Stack::Records(first, last), run.token).status, 200);
    }
    EXPECT_EQ(stack.Complete(run, events).status, 200);
    stack.Advance(Seconds(1));
    return run;
  }
  Reply Prune(std::string_view body, const std::string& token) {
    return stack.Post("/api/agent/prune", std::string(body), token);
  }
  void PruneAll() {
    std::string body(kAll);
    for (;;) {
      const Reply part = Prune(body, stack.admin);
      ASSERT_EQ(part.status, 200);
      if (part.text("after").empty()) return;
      body = R"({"olderThan":0,"after":")" + part.text("after") + "\"}";
    }
  }

  Stack stack;
};

TEST_F(PruneRouteTest, SaysWhatItRemoved) {
  const auto run = Ended(3);
  const Reply counted = Prune(R"({"olderThan":0,"dryRun":true})", stack.alice);
  EXPECT_EQ(counted.body, R"({"runs":1,"events":3,"bytes":63,"left":[]})");
  EXPECT_EQ(stack.Get(RunPath(run.id) + "/events", stack.alice).status, 200);
  EXPECT_EQ(Prune(kAll, stack.alice).body, counted.body);
  EXPECT_EQ(Prune(kAll, stack.alice).body, R"({"runs":0,"events":0,"bytes":0,"left":[]})");
}

TEST_F(PruneRouteTest, TakesWhatEndedLongEnoughAgoAndKeepsTheNewest) {
  Ended(1);
  stack.Advance(Seconds(100));
  Ended(1);
  EXPECT_EQ(Number(Prune(R"({"olderThan":50,"keep":2})", stack.alice).object(), "runs"), 0);
  EXPECT_EQ(Number(Prune(R"({"olderThan":50,"keep":1})", stack.alice).object(), "runs"), 1);
  EXPECT_EQ(Number(Prune(R"({"olderThan":0,"keep":1})", stack.alice).object(), "runs"), 0);
}

TEST_F(PruneRouteTest, AUserPrunesHisOwnRunsTheAdminAll) {
  Ended(1);
  EXPECT_EQ(Number(Prune(kAll, stack.bob).object(), "runs"), 0);
  EXPECT_EQ(Number(Prune(kAll, stack.admin).object(), "runs"), 1);
}

TEST_F(PruneRouteTest, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "olderThan is missing"},
      {R"({"olderThan":"30d"})", "olderThan must be"},
      {R"({"olderThan":-1})", "olderThan must be a whole number from 0"},
      {R"({"olderThan":99999999999})", "olderThan must be a whole number from 0"},
      {R"({"olderThan":1,"keep":1001})", "keep must be a whole number from 0 to 1000"},
      {R"({"olderThan":1,"keep":-1})", "keep must be"},
      {R"({"olderThan":1,"dryRun":"yes"})", "dryRun must be"},
      {R"({"olderThan":1,"after":"x"})", "after must be"},
      {R"({"olderThan":1,"after":7})", "after must be"},
      {R"({"olderThan":1,"force":true})", "Unknown field: force"},
      {"[]", "JSON object"}};
  for (const auto& [body, message] : cases) {
    const Reply reply = Prune(body, stack.alice);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << body;
    EXPECT_THAT(reply.message(), HasSubstr(message)) << body;
  }
}

TEST_F(PruneRouteTest, EveryTransportSaysFromWhereOneCanRead) {
  const auto run = Ended(2);
  PruneAll();
  const std::string events = RunPath(run.id) + "/events";
  const HeaderList sse = {{"Accept", "text/event-stream"}};
  const HeaderList web_socket = {{"Connection", "Upgrade"},
                                 {"Upgrade", "websocket"},
                                 {"Sec-WebSocket-Version", "13"},
                                 {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  for (const Reply& reply :
       {stack.Get(events, stack.alice), stack.Get(events + "?since=1&wait=60", stack.alice),
        stack.Send("GET", events, "", stack.alice, sse),
        stack.Send("GET", events + "/ws", "", stack.alice, web_socket),
        stack.Get(RunPath(run.id) + "/records", stack.alice),
        stack.Get(RunPath(run.id) + "/network", stack.alice)}) {
    EXPECT_THAT(reply, IsError(410, "EVENTS_PRUNED"));
    EXPECT_EQ(ErrorNumber(reply), 3);
    EXPECT_THAT(reply.message(), HasSubstr("pruned"));
  }
  const Reply end = stack.Get(events + "?since=2", stack.alice);
  EXPECT_EQ(end.status, 200);
  EXPECT_THAT(end.body, AllOf(HasSubstr(R"("events":[],"hasMore":false)"),
                              HasSubstr(R"("status":"completed")")));
  EXPECT_THAT(stack.Get(events + "?since=3", stack.alice), IsError(409, "CURSOR_AHEAD"));
}

TEST_F(PruneRouteTest, WhatIsLeftOfARunCanBeRead) {
  const auto run = Ended(11'000);
  const Reply part = Prune(kAll, stack.alice);
  const std::int64_t gone = Number(part.object(), "events");
  ASSERT_NE(part.text("after"), "");
  const std::string events = RunPath(run.id) + "/events";
  EXPECT_EQ(ErrorNumber(stack.Get(events, stack.alice)), gone + 1);
  const std::string rest = "?since=" + std::to_string(gone) + "&limit=1000";
  const json::object page = stack.Get(events + rest, stack.alice).object();
  EXPECT_EQ(Number(page, "nextSequence"), 11'000);
  EXPECT_THAT(stack.Get(RunPath(run.id), stack.alice).body,
              HasSubstr(R"("pruned":{"lastSequence":)" + std::to_string(gone) + "}"));
}

TEST_F(PruneRouteTest, TheRunAndItsEndAreShownAndSayThatItWasPruned) {
  const auto run = Ended(2);
  PruneAll();
  const std::string pruned = R"("pruned":{"lastSequence":2,"at":"2025-11-20T08:00:01.000Z"})";
  const Reply shown = stack.Get(RunPath(run.id), stack.alice);
  EXPECT_THAT(shown.body, AllOf(HasSubstr(pruned), HasSubstr(R"("lastSequence":2)"),
                                HasSubstr(R"("status":"completed")")));
  EXPECT_THAT(stack.Get("/api/agent/runs", stack.alice).body, HasSubstr(pruned));
  EXPECT_THAT(stack.Get(RunPath(run.id) + "/proof", stack.alice).body,
              AllOf(HasSubstr(pruned), HasSubstr(R"("end":{"status":"completed")")));
}

TEST_F(PruneRouteTest, ALongPollThatWaitsAtTheEndIsNotDisturbed) {
  const auto pruned = Ended(2);
  const auto live = stack.ClaimAndStart();
  const auto waiting = stack.Start("GET", RunPath(live.id) + "/events?wait=60", "", stack.alice);
  PruneAll();
  EXPECT_FALSE(waiting->done());
  EXPECT_EQ(stack.PostRecords(Stack::Records(1, 1), live.token).status, 200);
  EXPECT_EQ(stack.Finish(waiting).status, 200);
}

// Repeats of what is not there any more are no faults of who sends them.
TEST(ProtocolRowPrune, EventsAfterPrune_AreAcknowledged) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.PostRecords(Stack::Records(1, 2), run.token).status, 200);
  ASSERT_EQ(stack.Complete(run, 2).status, 200);
  stack.Advance(Seconds(1));
  ASSERT_EQ(stack.Post("/api/agent/prune", std::string(kAll), stack.alice).status, 200);
  const Reply again = stack.PostRecords(Stack::Records(1, 2), run.token);
  EXPECT_EQ(again.status, 200);
  EXPECT_THAT(again.body, HasSubstr(R"("lastSequence":2)"));
  EXPECT_EQ(stack.Complete(run, 2).status, 200);
  EXPECT_EQ(stack.PostRecords(Stack::Records(3, 3), run.token).status, 410);
}

TEST(ProtocolRowPrune, EventsAfterPrune_OfAnOutsiderToo) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  const auto post = [&](const std::string& events) {
    return stack.Post("/api/webhooks/agent/events",
                      R"({"runId":")" + id + R"(","firstSequence":1,"events":)" + events + "}",
                      stack.alice);
  };
  ASSERT_EQ(post(R"([{"n":1},{"n":2}])").status, 200);
  ASSERT_EQ(stack
                .Post("/api/webhooks/agent/complete", R"({"runId":")" + id + R"(","exitCode":0})",
                      stack.alice)
                .status,
            200);
  stack.Advance(Seconds(1));
  ASSERT_EQ(stack.Post("/api/agent/prune", std::string(kAll), stack.alice).status, 200);
  const Reply again = post(R"([{"n":1},{"n":2}])");
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_THAT(post(R"([{"n":1},{"n":2},{"n":3}])"), IsError(410, "RUN_ENDED"));
}

}  // namespace
}  // namespace vm0::api
