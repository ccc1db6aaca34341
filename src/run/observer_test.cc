// SPDX-License-Identifier: Apache-2.0
#include "run/test_runs.h"

namespace vm0::run {
namespace {

using Words = std::vector<std::string>;

TEST(RunObserver, IsToldOfEachCreationFirstClaimAndEndOnce) {
  TestRuns t;
  const store::Run run = t.Create();
  t.clock.Advance(Millis(250));
  ASSERT_TRUE(t.Claim());
  t.ClaimAgain(run.id);
  ASSERT_TRUE(Await(t.store.loop, t.runs->Start(run.id, 2)));
  const Completion completion = CompletionOf(RunStatus::kCompleted, 0);
  ASSERT_TRUE(t.Complete(run.id, completion, 2));
  ASSERT_TRUE(t.Complete(run.id, completion, 2));
  EXPECT_EQ(t.told.words, (Words{"created", "claimed after 250 ms", "completed"}));
}

TEST(RunObserver, IsToldOfRunsThatEndWithoutASupervisor) {
  TestRuns t;
  ASSERT_TRUE(Await(t.store.loop, t.runs->Cancel(t.Create().id)));
  NewRun request = t.Request();
  request.max_attempts = 1;
  const RunId last = t.TryCreate(request)->run.id;
  ASSERT_TRUE(t.Claim());
  ASSERT_TRUE(t.GiveBack(last));
  EXPECT_EQ(t.told.words,
            (Words{"created", "cancelled", "created", "claimed after 0 ms", "failed"}));
}

TEST(RunObserver, LiveRunsAreCountedByWhatTheyWaitFor) {
  TestRuns t;
  t.Create();
  t.Create();
  t.Create();
  t.CreateExternal();
  const RunId held = t.Claim()->run.id;
  ASSERT_TRUE(t.Claim());
  ASSERT_TRUE(t.GiveBack(held));
  const store::LiveRuns live = t.store.reader().runs.CountLive().value();
  EXPECT_EQ(live.queued, 1);
  EXPECT_EQ(live.held, 1);
  EXPECT_EQ(live.running, 1);
  EXPECT_EQ(live.external, 1);
}

}  // namespace
}  // namespace vm0::run
