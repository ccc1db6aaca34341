// SPDX-License-Identifier: Apache-2.0
#include "api/liveness.h"

#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

TEST(ProtocolRow, HeartbeatAlive_SaysWhatIsStoredAndWhetherToCancel) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  EXPECT_EQ(stack.Post(kHook + "heartbeat", R"({"v":1,"lastSequence":9})", run.token).body,
            R"({"ok":true,"lastSequence":3,"cancel":false})");
  stack.Post("/api/agent/runs/" + run.id + "/cancel", "", stack.alice);
  EXPECT_EQ(stack.Post(kHook + "heartbeat", "{}", run.token).body,
            R"({"ok":true,"lastSequence":3,"cancel":true})");
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"lastSequence":-1})", run.token),
              IsError(400, "BAD_REQUEST"));
}

TEST(Activity, TellsWhenASupervisorWasLastHeardOf) {
  Stack stack;
  const auto activity = [&](const std::string& id) {
    const auto run = stack.Get("/api/agent/runs/" + id, stack.alice).object();
    const json::object* found = ObjectMember(run, "activity");
    return found == nullptr ? "-" : ToJson(json::value(*found));
  };
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(activity(stack.CreateRun()), "-") << "it waits in the queue";
  EXPECT_EQ(activity(run.id), R"({"supervisor":"alive","lastHeardAt":"2025-11-20T08:00:00.000Z"})");
  stack.PostRecords(Stack::Records(1, 2), run.token);
  stack.Advance(Seconds(60));
  EXPECT_THAT(activity(run.id), HasSubstr(R"("supervisor":"alive")"));
  stack.Advance(Seconds(1));
  EXPECT_THAT(activity(run.id), HasSubstr(R"("supervisor":"unheard")"));
  EXPECT_THAT(activity(run.id), HasSubstr(R"("lastEventAt":)"));
  stack.Post(kHook + "heartbeat", R"({"waitsForDisk":42})", run.token);
  EXPECT_THAT(activity(run.id),
              HasSubstr(R"({"supervisor":"alive","lastHeardAt":"2025-11-20T08:01:01.000Z",)"
                        R"("waitsForDiskSeconds":42)"));
  stack.Post(kHook + "heartbeat", "{}", run.token);
  EXPECT_THAT(activity(run.id), Not(HasSubstr("waitsForDisk")));
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"waitsForDisk":"x"})", run.token),
              IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(stack.Get("/api/agent/runs", stack.alice).body, HasSubstr(R"("activity":{)"));
  stack.Complete(run, 2);
  EXPECT_EQ(activity(run.id), "-");
}

TEST(Activity, TellsWhatARunWaitsForBeforeItsAgentRuns) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  const auto show = [&] { return stack.Get("/api/agent/runs/" + run.id, stack.alice).body; };
  EXPECT_THAT(show(), Not(HasSubstr("activity")));
  stack.Post(kHook + "heartbeat", R"({"preparing":"a sandbox"})", run.token);
  EXPECT_THAT(show(), HasSubstr(R"("activity":{"preparing":"a sandbox","lastHeardAt":)"));
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"preparing":7})", run.token),
              IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"preparing":")" + std::string(501, 'x') + "\"}",
                         run.token),
              IsError(400, "BAD_REQUEST"));
  stack.Post(kHook + "start", R"({"v":1})", run.token);
  EXPECT_THAT(show(), Not(HasSubstr("preparing")));
}

TEST(Activity, OfAnExternalRunIsItsLastEventAlone) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  stack.Post("/api/webhooks/agent-events", R"({"runId":")" + id + R"(","events":[{}]})",
             stack.alice);
  EXPECT_THAT(stack.Get("/api/agent/runs/" + id, stack.alice).body,
              HasSubstr(R"("activity":{"lastEventAt":"2025-11-20T08:00:00.000Z"})"));
}

TEST(Liveness, OfANewServerIsUnknownForAMinute) {
  os::FakeClock clock;
  const Liveness liveness(clock);
  store::Run run;
  run.status = store::RunStatus::kRunning;
  run.started = true;
  EXPECT_EQ(liveness.Describe(run, std::nullopt), R"({"supervisor":"unknown"})");
  clock.Advance(kUnheardAfter + Seconds(1));
  EXPECT_EQ(liveness.Describe(run, std::nullopt), R"({"supervisor":"unheard"})");
}

TEST(ProtocolRow, HeartbeatEnded_IsGone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  const Stack::ClaimedRun newer = stack.ClaimAgain(run);
  EXPECT_THAT(stack.Post(kHook + "heartbeat", "{}", run.token), IsError(410, "SUPERSEDED"));
  stack.Post(kHook + "start", "{}", newer.token);
  ASSERT_EQ(stack.Complete(newer, 0).status, 200);
  EXPECT_THAT(stack.Post(kHook + "heartbeat", "{}", newer.token), IsError(410, "RUN_ENDED"));
}

}  // namespace
}  // namespace vm0::api
