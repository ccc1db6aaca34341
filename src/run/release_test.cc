// SPDX-License-Identifier: Apache-2.0
// The rows Release…, StartReleased and ClaimBackoff of docs/protocol.md 5.
#include <gtest/gtest.h>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

TEST(ProtocolRow, ReleaseUnstarted_PutsTheRunBackAndItsNextAttemptHasATokenOfItsOwn) {
  TestRuns t;
  t.Create();
  const auto first = t.Claim().value();
  t.changes = 0;
  const auto released = t.GiveBack(first.run.id).value();
  EXPECT_EQ(t.changes, 1);
  EXPECT_EQ(released.status, RunStatus::kPending);
  EXPECT_EQ(t.Row(first.run.id).last_failure, "exit code 1");
  EXPECT_EQ(t.Row(first.run.id).machine, "");
  EXPECT_TRUE(t.store.reader().runs.UnfinishedRunsOf("m")->empty());
  t.Pass(kFirstPause);
  const auto second = t.Claim("other").value();
  EXPECT_EQ(second.run.id, first.run.id);
  EXPECT_EQ(second.run.attempt, 2);
  EXPECT_EQ(second.run.machine, "other");
  EXPECT_NE(second.token, first.token);
  EXPECT_TRUE(t.StartAttempt(first.run.id, 2));
}

TEST(ProtocolRow, ReleaseUnstarted_IsForTheMachineThatHasIt) {
  TestRuns t;
  const auto run = t.Claimed1();
  EXPECT_EQ(t.GiveBack(run.id, 1, "other").error().code, Code::kConflict);
  EXPECT_EQ(t.GiveBack(RunId::New(TimeOf(1))).error().code, Code::kNotFound);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kRunning);
}

TEST(ProtocolRow, ReleaseRepeated_ChangesNothing) {
  TestRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.GiveBack(run.id));
  t.changes = 0;
  EXPECT_EQ(t.GiveBack(run.id)->status, RunStatus::kPending);
  EXPECT_EQ(t.changes, 0);
  t.Pass(kFirstPause);
  EXPECT_EQ(t.GiveBack(run.id)->status, RunStatus::kPending);
  EXPECT_TRUE(t.Claim());  // it did not begin the pause again
}

TEST(ProtocolRow, ReleaseSuperseded_IsRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.ClaimAgain(run.id);
  EXPECT_EQ(t.GiveBack(run.id, 1).error().code, Code::kSuperseded);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kRunning);
}

TEST(ProtocolRow, ReleaseStarted_IsRefused) {
  TestRuns t;
  const auto run = t.Started();
  EXPECT_EQ(t.GiveBack(run.id).error().code, Code::kConflict);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kRunning);
}

TEST(ProtocolRow, ReleaseEnded_IsRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.Cancel(run.id);
  EXPECT_EQ(t.GiveBack(run.id).error().code, Code::kRunEnded);
}

TEST(ProtocolRow, ReleaseLast_FailsTheRunWithTheLastReason) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.ClaimAgain(run.id);
  t.ClaimAgain(run.id);
  t.changes = 0;
  EXPECT_EQ(t.GiveBack(run.id, 3)->status, RunStatus::kFailed);
  EXPECT_EQ(t.changes, 1);
  const auto row = t.Row(run.id);
  EXPECT_EQ(row.error, "the supervisor could not be started 3 times; the last time: exit code 3");
  EXPECT_EQ(row.secrets, "");
  EXPECT_EQ(t.End(run.id)->last_sequence, 0);
  EXPECT_EQ(t.StartAttempt(run.id, 3).error().code, Code::kRunEnded);
}

TEST(ProtocolRow, ReleaseLast_ComesAsOftenAsTheRunSays) {
  TestRuns t;
  NewRun request = t.Request();
  request.max_attempts = 1;
  const auto once = t.TryCreate(request)->run;
  t.Claim();
  EXPECT_EQ(t.GiveBack(once.id)->status, RunStatus::kFailed);
  EXPECT_EQ(t.Row(once.id).error, "the supervisor could not be started: exit code 1");
  request.max_attempts = 5;
  const auto often = t.TryCreate(request)->run;
  t.Claim();
  for (int i = 1; i < 5; ++i) t.ClaimAgain(often.id);
  EXPECT_EQ(t.GiveBack(often.id, 5)->status, RunStatus::kFailed);
}

TEST(ProtocolRow, StartReleased_IsRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.GiveBack(run.id));
  EXPECT_EQ(t.StartAttempt(run.id, 1).error().code, Code::kSuperseded);
  const auto failed = CompletionOf(RunStatus::kFailed, 0);
  EXPECT_EQ(t.Complete(run.id, failed, 1).error().code, Code::kSuperseded);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kPending);
  EXPECT_FALSE(t.Row(run.id).started);
}

TEST(ProtocolRow, ClaimBackoff_ComesAfterAPauseThatGrowsAndOthersGoFirst) {
  TestRuns t;
  const auto poisoned = t.Create();
  const auto next = t.Create();
  Seconds pause = kFirstPause;
  for (int attempt = 1; attempt < kDefaultMaxAttempts; ++attempt, pause *= 2) {
    EXPECT_EQ(t.Claim()->run.id, poisoned.id);
    ASSERT_TRUE(t.GiveBack(poisoned.id, attempt));
    if (attempt == 1) {
      EXPECT_EQ(t.Claim()->run.id, next.id);
    }
    t.Pass(pause - Micros(1));
    EXPECT_FALSE(t.Claim());
    t.Pass(Micros(1));
  }
  EXPECT_EQ(t.Claim()->run.attempt, 3);
  EXPECT_EQ(t.clock.pending(), 0u);
}

TEST(ProtocolRow, ClaimBackoff_IsNeverLongerThanAMinute) {
  constexpr int kAttempts = 10;
  TestRuns t;
  NewRun request = t.Request();
  request.max_attempts = kAttempts;
  const auto run = t.TryCreate(request)->run;
  t.Claim();
  for (int i = 1; i < kAttempts; ++i) t.ClaimAgain(run.id);
  EXPECT_EQ(t.Row(run.id).attempt, kAttempts);
}

TEST(ProtocolRow, ClaimBackoff_EndsWithTheServer) {
  TestRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.GiveBack(run.id));
  t.Restart();
  EXPECT_EQ(t.Claim()->run.attempt, 2);
}

TEST(ProtocolRow, ClaimBackoff_ACancelEndsIt) {
  TestRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.GiveBack(run.id));
  EXPECT_EQ(t.Cancel(run.id).status, RunStatus::kCancelled);
  t.Pass(kFirstPause);
  EXPECT_FALSE(t.Claim());
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kCancelled);
}

TEST(Release, MakesRoomForAnotherRunOfItsUser) {
  TestRuns t({.running_per_user = 1});
  const auto run = t.Claimed1();
  const auto next = t.Create();
  EXPECT_FALSE(t.Claim());
  ASSERT_TRUE(t.GiveBack(run.id));
  EXPECT_EQ(t.Claim()->run.id, next.id);
}

}  // namespace
}  // namespace vm0::run
