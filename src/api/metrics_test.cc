// SPDX-License-Identifier: Apache-2.0
// What the API counts, and who may see it.
#include "api/liveness.h"
#include "api/test_reader.h"
#include "api/test_stack.h"
#include "event/record.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

std::string EventsOf(const std::string& run, const std::string& query = "") {
  return "/api/agent/runs/" + run + "/events" + query;
}

std::uint64_t AnswersOf(const Stack& stack, RouteGroup group, std::size_t digit) {
  return stack.api->counts().answers[static_cast<std::size_t>(group)][digit];
}

TEST(Metrics, AreForTheAdminAndForATokenThatIsGoodForNothingElse) {
  Stack stack;
  const std::string token(kMetricsToken);
  const Reply reply = stack.Get("/metrics", token);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "metric 1\n");
  EXPECT_EQ(reply.headers.Find("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(stack.Get("/metrics", stack.admin).body, "metric 1\n");
  EXPECT_THAT(stack.Get("/metrics", ""), IsError(401, "UNAUTHORIZED"));
  EXPECT_THAT(stack.Get("/metrics", token + "y"), IsError(401, "UNAUTHORIZED"));
  const Reply user = stack.Get("/metrics", stack.alice);
  EXPECT_THAT(user, IsError(403, "FORBIDDEN"));
  EXPECT_THAT(user.message(), HasSubstr("metrics.token"));
  EXPECT_THAT(stack.Get("/metrics", stack.ClaimAndStart().token), IsError(403, "FORBIDDEN"));
  for (const char* path : {"/api/agent/runs", "/api/tokens", "/api/server/backup"})
    EXPECT_THAT(stack.Get(path, token), IsError(401, "UNAUTHORIZED")) << path;
}

TEST(Metrics, WhoReadsThemKeepsNoServerAlive) {
  Stack stack;
  const MonoTime before = stack.api->last_request();
  stack.Advance(Seconds(1));
  stack.Get("/metrics", std::string(kMetricsToken));
  stack.Get("/metrics", stack.admin);
  EXPECT_EQ(stack.api->last_request(), before);
}

TEST(Metrics, CountAnswersByGroupAndStatus) {
  Stack stack;
  stack.Get("/healthz", "");
  stack.Get("/nowhere", "");
  stack.Get("/api/agent/runs", stack.alice);
  stack.Get("/api/agent/runs", "wrong");
  stack.Post("/api/agent/runs", "{", stack.alice);
  EXPECT_EQ(AnswersOf(stack, RouteGroup::kServer, 2), 1u);
  EXPECT_EQ(AnswersOf(stack, RouteGroup::kNone, 4), 1u);
  EXPECT_EQ(AnswersOf(stack, RouteGroup::kRuns, 2), 1u);
  EXPECT_EQ(AnswersOf(stack, RouteGroup::kRuns, 4), 2u);
  EXPECT_EQ(AnswersOf(stack, RouteGroup::kEvents, 2), 0u);
}

TEST(Metrics, EachRouteHasAGroup) {
  EXPECT_EQ(GroupOf("/metrics"), RouteGroup::kServer);
  EXPECT_EQ(GroupOf("/api/agent/runs/:id/events/ws"), RouteGroup::kEvents);
  EXPECT_EQ(GroupOf("/api/agent/runs/:id/cancel"), RouteGroup::kRuns);
  EXPECT_EQ(GroupOf("/api/webhooks/agent-events"), RouteGroup::kWebhooks);
  EXPECT_EQ(GroupOf("/api/runner/claim"), RouteGroup::kRunner);
}

TEST(Metrics, CountPollsAndThoseThatAreEmpty) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.Get(EventsOf(run.id), stack.alice);
  stack.PostRecords(Stack::Records(1, 2), run.token);
  stack.Get(EventsOf(run.id), stack.alice);
  stack.Get(EventsOf(run.id, "?wait=9"), stack.alice);
  stack.Get(EventsOf(run.id, "?since=99"), stack.alice);
  const auto waiting = stack.Start("GET", EventsOf(run.id, "?since=2&wait=9"), "", stack.alice);
  stack.RunUntil([&] { return stack.api->readers().long_poll == 1; });
  stack.Advance(Seconds(9));
  stack.Finish(waiting);
  const RequestCounts& counts = stack.api->counts();
  EXPECT_EQ(counts.reads, (std::array<std::uint64_t, 4>{2, 2, 0, 0})) << "the bad one is none";
  EXPECT_EQ(counts.empty, (std::array<std::uint64_t, 4>{1, 1, 0, 0}));
}

TEST(Metrics, ADeliveryIsOfWhatCameWhileTheReaderWaited) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 2), run.token);
  SseReader reader(stack, EventsOf(run.id));
  for (int i = 0; i < 3; ++i) reader.Next();
  EXPECT_TRUE(stack.deliveries.all.empty()) << "they were there before";
  const WallTime now = stack.clock.WallNow();
  std::string records;
  event::AppendRecord(records, 3, now, event::Source::kAgent, "{}");
  event::AppendRecord(records, 4, now + Seconds(2), event::Source::kAgent, "{}");
  stack.PostRecords(records, run.token);
  reader.Next();
  reader.Next();
  using Delivery = std::pair<ReadWay, WallTime>;
  EXPECT_EQ(stack.deliveries.all,
            (std::vector<Delivery>{{ReadWay::kSse, now}, {ReadWay::kSse, now + Seconds(2)}}));
}

TEST(Metrics, ALongPollDeliversWhatItWaitedFor) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const auto poll = stack.Start("GET", EventsOf(run.id, "?wait=9"), "", stack.alice);
  stack.RunUntil([&] { return stack.api->readers().long_poll == 1; });
  stack.PostRecords(Stack::Records(1, 1), run.token);
  stack.Finish(poll);
  ASSERT_EQ(stack.deliveries.all.size(), 1u);
  EXPECT_EQ(stack.deliveries.all[0].first, ReadWay::kLongPoll);
  stack.Get(EventsOf(run.id, "?wait=9"), stack.alice);
  stack.Get(EventsOf(run.id), stack.alice);
  EXPECT_EQ(stack.deliveries.all.size(), 1u);
}

TEST(Metrics, ABacklogIsWhatASpoolHasMoreThanTheStore) {
  Stack stack;
  const Stack::ClaimedRun one = stack.ClaimAndStart();
  const Stack::ClaimedRun two = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), one.token);
  stack.Post(kHook + "heartbeat", R"({"lastSequence":10})", one.token);
  stack.Post(kHook + "heartbeat", R"({"lastSequence":5,"waitsForDisk":2})", two.token);
  EXPECT_EQ(stack.api->supervisors().backlog, 12);
  EXPECT_EQ(stack.api->supervisors().waiting_for_disk, 1u);
  stack.Advance(kUnheardAfter + Seconds(1));
  stack.Post(kHook + "heartbeat", R"({"lastSequence":3})", one.token);
  EXPECT_EQ(stack.api->supervisors().backlog, 5);
  EXPECT_EQ(stack.api->supervisors().alive, 1u);
  EXPECT_EQ(stack.api->supervisors().unheard, 1u);
  ASSERT_EQ(stack.Complete(one, 3).status, 200);
  ASSERT_EQ(stack.Complete(two, 0).status, 200);
  EXPECT_EQ(stack.api->supervisors().alive + stack.api->supervisors().unheard, 0u);
}

}  // namespace
}  // namespace vm0::api
