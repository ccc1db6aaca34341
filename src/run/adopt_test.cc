// SPDX-License-Identifier: Apache-2.0
// The rows Adopt… of docs/protocol.md 5.
#include <gtest/gtest.h>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

struct AdoptingRuns : TestRuns {
  Result<std::string> Adopt(RunId id, int attempt, bool started, const std::string& machine = "m") {
    return Await(store.loop, runs->Adopt({machine, id, attempt, started}));
  }
};

TEST(ProtocolRow, AdoptCurrent_GivesOneMoreTokenAndChangesNothingElse) {
  AdoptingRuns t;
  const auto run = t.Started();
  const auto token = t.Adopt(run.id, 1, true);
  ASSERT_TRUE(token) << token.error().message;
  const auto row = t.store.reader().runs.FindToken(store::HashToken(*token)).value().value();
  EXPECT_EQ(row.kind, store::Token::Kind::kRun);
  EXPECT_EQ(row.run_id, run.id);
  EXPECT_EQ(row.attempt, 1);
  EXPECT_EQ(t.Row(run.id).started_at, run.started_at);
  EXPECT_EQ(t.Adopt(run.id, 1, true, "other").error().code, Code::kConflict);
}

TEST(ProtocolRow, AdoptCurrent_TakesOverThatItsAgentWasStarted) {
  AdoptingRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.Adopt(run.id, 1, false));
  EXPECT_FALSE(t.Row(run.id).started);
  ASSERT_TRUE(t.Adopt(run.id, 1, true));
  EXPECT_TRUE(t.Row(run.id).started);
  EXPECT_TRUE(t.Row(run.id).started_at);
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 2)).value(), 2);
}

TEST(ProtocolRow, AdoptRestored_APendingRunIsNobodysToClaimAnyMore) {
  AdoptingRuns t;
  const auto run = t.Create();
  ASSERT_TRUE(t.Adopt(run.id, 2, true));
  const auto row = t.Row(run.id);
  EXPECT_EQ(row.status, RunStatus::kRunning);
  EXPECT_EQ(row.attempt, 2);
  EXPECT_EQ(row.machine, "m");
  EXPECT_TRUE(row.started);
  EXPECT_FALSE(t.Claim());
  EXPECT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 0), 2));
}

TEST(ProtocolRow, AdoptRestored_AHeldRunIsHeldNoMore) {
  AdoptingRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.GiveBack(run.id));
  ASSERT_TRUE(t.Adopt(run.id, 2, true));
  t.Pass(kLongestPause);
  EXPECT_FALSE(t.Claim());
  EXPECT_FALSE(t.Row(run.id).held);
}

TEST(ProtocolRow, AdoptRestored_OvertakesAClaimThatWasNotStarted) {
  AdoptingRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.Adopt(run.id, 2, true));
  EXPECT_EQ(t.StartAttempt(run.id, 1).error().code, Code::kSuperseded);
  EXPECT_TRUE(t.StartAttempt(run.id, 2));
}

TEST(ProtocolRow, AdoptSuperseded_IsRefused) {
  AdoptingRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(t.GiveBack(run.id));
  EXPECT_EQ(t.Adopt(run.id, 1, true).error().code, Code::kSuperseded);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kPending);
  t.Pass(kLongestPause);
  t.Claim();
  EXPECT_EQ(t.Adopt(run.id, 1, true).error().code, Code::kSuperseded);
  EXPECT_FALSE(t.Row(run.id).started);
}

TEST(ProtocolRow, AdoptSecondStart_IsRefused) {
  AdoptingRuns t;
  const auto run = t.Started();
  EXPECT_EQ(t.Adopt(run.id, 2, true).error().code, Code::kConflict);
  EXPECT_EQ(t.Row(run.id).attempt, 1);
}

TEST(ProtocolRow, AdoptEnded_IsRefused) {
  AdoptingRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 0)));
  EXPECT_EQ(t.Adopt(run.id, 1, true).error().code, Code::kRunEnded);
  EXPECT_EQ(t.Adopt(run.id, 2, true).error().code, Code::kRunEnded);
}

TEST(ProtocolRow, AdoptUnknown_IsRefused) {
  AdoptingRuns t;
  EXPECT_EQ(t.Adopt(RunId::New(TimeOf(1)), 1, true).error().code, Code::kNotFound);
  const auto external = t.CreateExternal();
  EXPECT_EQ(t.Adopt(external.id, 1, true).error().code, Code::kConflict);
}

}  // namespace
}  // namespace vm0::run
