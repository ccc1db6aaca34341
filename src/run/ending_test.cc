// SPDX-License-Identifier: Apache-2.0
// The rows Complete…, Cancel… and TokenVoidAfterEnd of docs/protocol.md 5.
#include "run/ending.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A started run with `count` events.
store::Run WithEvents(TestRuns& t, std::int64_t count) {
  const auto run = t.Started();
  EXPECT_TRUE(t.Append(run.id, BodyOf(1, count)));
  return run;
}

TEST(ProtocolRow, CompleteAll_EndsTheRunInOneTransaction) {
  TestRuns t;
  const auto run = WithEvents(t, 3);
  t.clock.Advance(Seconds(7));
  t.changes = 0;
  const auto works = t.store.database->stats().works;
  const auto done = t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 3)).value();
  EXPECT_EQ(t.store.database->stats().works, works + 1);
  EXPECT_EQ(t.changes, 1);
  EXPECT_EQ(done.status, RunStatus::kCompleted);
  t.Restart();
  const auto row = t.Row(run.id);
  EXPECT_EQ(row.status, RunStatus::kCompleted);
  EXPECT_EQ(row.completed_at, t.clock.WallNow());
  EXPECT_EQ(row.secrets, "");
  EXPECT_EQ(row.error, std::nullopt);
  EXPECT_EQ(row.result,
            "{\"output\":\"done \\\"well\\\"\",\"executionTimeMs\":1234,\"exitCode\":0,"
            "\"lastSequence\":3,\"outputComplete\":true}");
  const auto end = t.End(run.id).value();
  EXPECT_EQ(end.status, RunStatus::kCompleted);
  EXPECT_EQ(end.last_sequence, 3);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.reason, std::nullopt);
  EXPECT_EQ(end.hash, t.store.reader().events.Hash(run.id).value());  // computed, for none was sent
  EXPECT_EQ(end.hashed_by, store::HashedBy::kServer);
  EXPECT_EQ(end.created_at, t.clock.WallNow());
}

TEST(Complete, KeepsTheReasonTheSignalAndTheHashThatWereSent) {
  TestRuns t;
  const auto run = WithEvents(t, 1);
  Completion completion;
  completion.status = RunStatus::kTimeout;
  completion.last_sequence = 1;
  completion.signal = 9;
  completion.reason = "ran longer than 30m";
  completion.output_complete = false;
  completion.hash = std::string(64, 'a');
  ASSERT_TRUE(t.Complete(run.id, completion));
  const auto row = t.Row(run.id);
  EXPECT_EQ(row.error, "ran longer than 30m");
  EXPECT_EQ(row.result, "{\"executionTimeMs\":0,\"lastSequence\":1,\"outputComplete\":false}");
  const auto end = t.End(run.id).value();
  EXPECT_EQ(end.signal, 9);
  EXPECT_EQ(end.hash, completion.hash);
  EXPECT_EQ(end.hashed_by, store::HashedBy::kSupervisor);
  EXPECT_FALSE(end.output_complete);
}

TEST(Complete, ACompletedRunHasNoReason) {
  TestRuns t;
  const auto run = WithEvents(t, 1);
  auto completion = CompletionOf(RunStatus::kCompleted, 1);
  completion.reason = "all is well";
  ASSERT_TRUE(t.Complete(run.id, completion));
  EXPECT_EQ(t.Row(run.id).error, std::nullopt);
  EXPECT_TRUE(t.Complete(run.id, completion));  // and the same again is the same
}

// Whether any part of `sealed` is in `bytes`.
bool HasPartOf(const std::string& bytes, const std::string& sealed) {
  constexpr std::size_t kPart = 16;
  for (std::size_t i = 0; i + kPart <= sealed.size(); i += kPart) {
    if (bytes.find(sealed.substr(i, kPart)) != std::string::npos) return true;
  }
  return false;
}

TEST(Complete, ErasesTheSecretsFromTheFile) {
  TestRuns t;
  NewRun request = t.Request();
  request.secrets["LONG"] = std::string(2000, 's');
  const RunId id = t.TryCreate(request)->run.id;
  ASSERT_TRUE(t.Claim());
  ASSERT_TRUE(t.StartAttempt(id));
  const std::string sealed = t.Row(id).secrets;
  const std::string path = t.store.path();
  EXPECT_EQ(BytesOf(path).find("hunter2-in-clear"), std::string::npos);
  EXPECT_EQ(BytesOf(path + "-wal").find("hunter2-in-clear"), std::string::npos);
  EXPECT_TRUE(HasPartOf(BytesOf(path + "-wal"), sealed));  // the search finds things
  t.Restart();                                             // copies the log into the database
  EXPECT_TRUE(HasPartOf(BytesOf(path), sealed));
  ASSERT_TRUE(t.Complete(id, CompletionOf(RunStatus::kFailed, 0)));
  t.Restart();
  EXPECT_FALSE(HasPartOf(BytesOf(path), sealed));
  EXPECT_FALSE(HasPartOf(BytesOf(path + "-wal"), sealed));
}

TEST(ProtocolRow, CompleteMissing_NamesTheNumberExpectedAndChangesNothing) {
  TestRuns t;
  const auto run = WithEvents(t, 3);
  const auto missing = t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 5));
  EXPECT_EQ(missing.error().code, Code::kSequenceGap);
  EXPECT_EQ(missing.error().number, 4);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kRunning);
  EXPECT_FALSE(t.End(run.id));
  ASSERT_TRUE(t.Append(run.id, BodyOf(4, 5)));
  EXPECT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 5)));
}

TEST(ProtocolRow, CompleteBeyond_NamesTheNumberAfterTheStoredOnes) {
  TestRuns t;
  const auto run = WithEvents(t, 3);
  const auto beyond = t.Complete(run.id, CompletionOf(RunStatus::kFailed, 2));
  EXPECT_EQ(beyond.error().code, Code::kSequenceGap);
  EXPECT_EQ(beyond.error().number, 4);
  EXPECT_FALSE(t.End(run.id));
  auto with_stored = CompletionOf(RunStatus::kFailed, 3);
  with_stored.output_complete = false;
  EXPECT_TRUE(t.Complete(run.id, with_stored));
}

TEST(ProtocolRow, CompleteRepeated_IsAnsweredAgain) {
  TestRuns t;
  const auto run = WithEvents(t, 3);
  auto completion = CompletionOf(RunStatus::kCompleted, 3);
  ASSERT_TRUE(t.Complete(run.id, completion));
  const auto first = t.End(run.id);
  t.clock.Advance(Seconds(100));
  t.Restart();
  t.changes = 0;
  EXPECT_EQ(t.Complete(run.id, completion)->status, RunStatus::kCompleted);
  completion.hash = first->hash;  // said now, computed then
  EXPECT_TRUE(t.Complete(run.id, completion));
  EXPECT_EQ(t.changes, 0);
  EXPECT_EQ(t.End(run.id), first);
}

TEST(ProtocolRow, CompleteDifferent_IsRefusedAndTheFirstStays) {
  TestRuns t;
  const auto run = WithEvents(t, 3);
  const auto first = CompletionOf(RunStatus::kCompleted, 3);
  ASSERT_TRUE(t.Complete(run.id, first));
  std::vector<Completion> others(6, first);
  others[0].status = RunStatus::kFailed;
  others[1].last_sequence = 2;
  others[2].exit_code = 1;
  others[3].signal = 9;
  others[4].output_complete = false;
  others[5].hash = std::string(64, '0');
  for (const auto& other : others) {
    EXPECT_EQ(t.Complete(run.id, other).error().code, Code::kConflict);
  }
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kCompleted);
  EXPECT_TRUE(t.Complete(run.id, first));
}

TEST(ProtocolRow, CompleteSuperseded_IsRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.ClaimAgain(run.id);
  const auto failed = CompletionOf(RunStatus::kFailed, 0);
  EXPECT_EQ(t.Complete(run.id, failed, 1).error().code, Code::kSuperseded);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kRunning);
  EXPECT_TRUE(t.Complete(run.id, failed, 2));
}

TEST(ProtocolRow, CompleteUnstarted_EndsTheRunAsFailed) {
  TestRuns t;
  const auto run = t.Claimed1();
  EXPECT_EQ(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 0)).error().code,
            Code::kConflict);  // what never started was not completed
  auto failed = CompletionOf(RunStatus::kFailed, 0);
  failed.reason = "no sandbox here";
  EXPECT_EQ(t.Complete(run.id, failed)->status, RunStatus::kFailed);
  EXPECT_EQ(t.Row(run.id).error, "no sandbox here");
  EXPECT_EQ(t.End(run.id)->last_sequence, 0);
}

TEST(ProtocolRow, CompleteOutsider_EndsWithWhatIsStored) {
  TestRuns t;
  const auto run = t.CreateExternal();
  ASSERT_TRUE(t.AppendRaw(run.id, {JsonOf(1), JsonOf(2)}));
  auto completion = CompletionOf(RunStatus::kCompleted, 0);
  completion.last_sequence.reset();
  EXPECT_EQ(t.Complete(run.id, completion, std::nullopt)->status, RunStatus::kCompleted);
  EXPECT_EQ(t.End(run.id)->last_sequence, 2);
  EXPECT_TRUE(t.Complete(run.id, completion, std::nullopt));
  const auto empty = t.CreateExternal();  // ended before its first event
  EXPECT_TRUE(t.Complete(empty.id, completion, std::nullopt));
  EXPECT_EQ(t.End(empty.id)->last_sequence, 0);
  const auto supervised = WithEvents(t, 1);
  EXPECT_EQ(t.Complete(supervised.id, completion, std::nullopt).error().code, Code::kRunSupervised);
  EXPECT_EQ(t.Complete(RunId::New(TimeOf(1)), completion).error().code, Code::kNotFound);
}

TEST(ProtocolRow, CancelPending_EndsTheRunAtOnce) {
  TestRuns t;
  const auto run = t.Create();
  t.changes = 0;
  const auto cancelled = t.Cancel(run.id);
  EXPECT_EQ(t.changes, 1);
  EXPECT_EQ(cancelled.status, RunStatus::kCancelled);
  EXPECT_EQ(cancelled.cancel_requested_at, t.clock.WallNow());
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kCancelled);
  EXPECT_EQ(t.Row(run.id).secrets, "");
  EXPECT_EQ(t.End(run.id)->last_sequence, 0);
  EXPECT_FALSE(t.Claim());
}

TEST(ProtocolRow, CancelUnstarted_EndsTheRunAtOnce) {
  TestRuns t;
  const auto run = t.Claimed1();
  EXPECT_EQ(t.Cancel(run.id).status, RunStatus::kCancelled);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kCancelled);
  EXPECT_EQ(t.StartAttempt(run.id).error().code, Code::kRunEnded);
  EXPECT_EQ(t.GiveBack(run.id).error().code, Code::kRunEnded);
}

TEST(ProtocolRow, CancelStarted_StoresTheIntent) {
  TestRuns t;
  const auto run = t.Started();
  t.changes = 0;
  const auto asked = t.Cancel(run.id);
  EXPECT_EQ(asked.status, RunStatus::kRunning);
  EXPECT_EQ(t.changes, 1);
  t.Restart();
  EXPECT_EQ(t.Row(run.id).cancel_requested_at, asked.cancel_requested_at);
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 1)));  // its last words
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCancelled, 1)));
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kCancelled);
}

TEST(ProtocolRow, CancelRepeated_KeepsTheFirstTime) {
  TestRuns t;
  const auto run = t.Started();
  const auto first = t.Cancel(run.id).cancel_requested_at;
  t.clock.Advance(Seconds(5));
  t.changes = 0;
  EXPECT_EQ(t.Cancel(run.id).cancel_requested_at, first);
  EXPECT_EQ(t.changes, 0);
}

TEST(ProtocolRow, CancelEnded_ChangesNothing) {
  TestRuns t;
  const auto run = WithEvents(t, 1);
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 1)));
  t.changes = 0;
  const auto answer = t.Cancel(run.id);
  EXPECT_EQ(answer.status, RunStatus::kCompleted);
  EXPECT_EQ(answer.cancel_requested_at, std::nullopt);
  EXPECT_EQ(t.changes, 0);
  EXPECT_EQ(t.Row(run.id).cancel_requested_at, std::nullopt);
}

TEST(ProtocolRow, CancelTooLate_LeavesTheRunItsOwnStatus) {
  TestRuns t;
  const auto run = WithEvents(t, 1);
  t.Cancel(run.id);
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 1)));
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kCompleted);
}

TEST(Cancel, EndsAnExternalRunWhichNobodyElseWould) {
  TestRuns t;
  const auto run = t.CreateExternal();
  ASSERT_TRUE(t.AppendRaw(run.id, {JsonOf(1)}));
  EXPECT_EQ(t.Cancel(run.id).status, RunStatus::kCancelled);
  EXPECT_EQ(t.End(run.id)->last_sequence, 1);
  EXPECT_EQ(t.AppendRaw(run.id, {JsonOf(2)}).error().code, Code::kRunEnded);
  EXPECT_EQ(t.Cancel(t.CreateExternal().id).status, RunStatus::kCancelled);
}

TEST(ProtocolRow, TokenVoidAfterEnd_TenMinutesAfterItAndNotBefore) {
  TestRuns t;
  t.Create();
  const auto claimed = t.Claim().value();
  const RunId id = claimed.run.id;
  const std::string hash = store::HashToken(claimed.token);
  const auto is_void = [&](int attempt = 1) {
    return Runs::TokenIsVoid(t.Row(id), attempt, t.clock.WallNow());
  };
  t.clock.Advance(Seconds(100'000));
  EXPECT_FALSE(is_void());
  EXPECT_TRUE(is_void(2));  // an attempt that there was never
  ASSERT_TRUE(t.StartAttempt(id));
  ASSERT_TRUE(t.Complete(id, CompletionOf(RunStatus::kFailed, 0)));
  t.clock.Advance(Seconds(600) - Micros(1));
  EXPECT_FALSE(is_void());
  EXPECT_EQ(t.store.reader().runs.FindToken(hash).value()->expires_at,
            *t.Row(id).completed_at + kTokenGrace);
  t.clock.Advance(Micros(1));
  EXPECT_TRUE(is_void());
}

TEST(Cancel, ACancelAndAStartThatMeetAgreeOnOneOutcome) {
  for (const bool start_first : {true, false}) {
    TestRuns t;
    const auto run = t.Claimed1();
    std::optional<Result<store::Secrets>> started;
    std::optional<Result<store::Run>> cancelled;
    const auto start = [&] {
      asio::co_spawn(t.store.loop, t.runs->Start(run.id, 1),
                     [&](std::exception_ptr, Result<store::Secrets> r) { started = std::move(r); });
    };
    if (start_first) start();
    asio::co_spawn(t.store.loop, t.runs->Cancel(run.id),
                   [&](std::exception_ptr, Result<store::Run> r) { cancelled = std::move(r); });
    if (!start_first) start();
    t.store.loop.restart();
    t.store.loop.run();
    EXPECT_EQ(started->has_value(), start_first);
    EXPECT_EQ((*cancelled)->status, start_first ? RunStatus::kRunning : RunStatus::kCancelled);
  }
}

}  // namespace
}  // namespace vm0::run
