// SPDX-License-Identifier: Apache-2.0
// The rows Events…, HeartbeatEnded, LongPollDeadline and PageLimits of docs/protocol.md 5: the
// rules of run at the gates of feed.
#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

TEST(ProtocolRow, EventsNext_AreStoredAndAnsweredWithTheLastNumber) {
  TestRuns t;
  const auto run = t.Started();
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 3)).value(), 3);
  EXPECT_EQ(t.Append(run.id, BodyOf(4, 4)).value(), 4);
  t.Restart();
  EXPECT_EQ(t.feed->Read(run.id, 0, 100)->events.size(), 4u);
}

TEST(ProtocolRow, EventsRepeated_AreAnsweredAndStoredOnce) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 5)));
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 5)).value(), 5);
  EXPECT_EQ(t.Append(run.id, BodyOf(2, 3)).value(), 5);
  EXPECT_EQ(t.Last(run.id), 5);
}

TEST(ProtocolRow, EventsOverlap_StoresWhatIsNew) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 5)));
  EXPECT_EQ(t.Append(run.id, BodyOf(3, 9)).value(), 9);
  EXPECT_EQ(t.feed->Read(run.id, 0, 100)->events.size(), 9u);
}

TEST(ProtocolRow, EventsMismatch_IsRefusedAndNothingIsStored) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 2)));
  const auto mismatch = t.Append(run.id, "2 1000002 agent {}\n3 1000003 agent {}\n");
  EXPECT_EQ(mismatch.error().code, Code::kEventMismatch);
  EXPECT_EQ(t.Last(run.id), 2);
}

TEST(ProtocolRow, EventsGap_NamesTheNumberExpected) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 2)));
  const auto gap = t.Append(run.id, BodyOf(4, 5));
  EXPECT_EQ(gap.error().code, Code::kSequenceGap);
  EXPECT_EQ(gap.error().number, 3);
  EXPECT_EQ(t.Last(run.id), 2);
}

TEST(ProtocolRow, EventsSuperseded_AreRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.ClaimAgain(run.id);
  ASSERT_TRUE(t.StartAttempt(run.id, 2));
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 1), 1).error().code, Code::kSuperseded);
  EXPECT_EQ(t.Last(run.id), 0);
  EXPECT_TRUE(t.Append(run.id, BodyOf(1, 1), 2));
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 1), 1).error().code, Code::kSuperseded);  // repeated too
}

TEST(ProtocolRow, EventsUnstarted_AreRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 1)).error().code, Code::kConflict);
  EXPECT_EQ(t.Last(run.id), 0);
}

TEST(ProtocolRow, EventsAfterEndRepeated_AreAnsweredWithN) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 5)));
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 5)));
  EXPECT_EQ(t.Append(run.id, BodyOf(2, 5)).value(), 5);
  EXPECT_EQ(t.Append(run.id, BodyOf(1, 1)).value(), 5);
  EXPECT_EQ(t.Append(run.id, "5 1 agent {}\n").error().code, Code::kEventMismatch);
}

TEST(ProtocolRow, EventsAfterEndNew_AreRefused) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 5)));
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kFailed, 5)));
  EXPECT_EQ(t.Append(run.id, BodyOf(6, 6)).error().code, Code::kRunEnded);
  EXPECT_EQ(t.Append(run.id, BodyOf(4, 6)).error().code, Code::kRunEnded);
  EXPECT_EQ(t.Last(run.id), 5);
}

TEST(ProtocolRow, EventsMalformed_AreRefusedNamingTheRecordInAnyState) {
  TestRuns t;
  const auto run = t.Started();
  const auto expect_bad = [&](const std::string& body, const std::string& names) {
    const auto refused = t.Append(run.id, body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, Code::kBadRequest);
    EXPECT_NE(refused.error().message.find(names), std::string::npos) << refused.error().message;
  };
  for (int round = 0; round < 2; ++round) {
    expect_bad("", "no records");
    expect_bad(BodyOf(1, 2) + "3 100", "record 3");
    expect_bad(BodyOf(1, 1) + "2 7 agent [1]\n", "record 2");
    expect_bad(BodyOf(1, 1) + BodyOf(3, 3), "record 2");
    expect_bad("1 7 nobody {}\n", "record 1");
    EXPECT_EQ(t.Last(run.id), 0);
    if (round > 0) break;
    ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kFailed, 0)));
  }
}

TEST(ProtocolRow, EventsOutsider_AreStoredWithTheServersTimeAndMakeTheRunRunning) {
  TestRuns t;
  const auto run = t.CreateExternal();
  t.clock.Advance(Seconds(9));
  const auto received = t.AppendRaw(run.id, {JsonOf(1), JsonOf(2)}).value();
  EXPECT_EQ(received.count, 2);
  EXPECT_EQ(received.first_sequence, 1);
  EXPECT_EQ(received.last_sequence, 2);
  const auto row = t.Row(run.id);
  EXPECT_EQ(row.status, RunStatus::kRunning);
  EXPECT_EQ(row.started_at, t.clock.WallNow());
  EXPECT_EQ(t.feed->Read(run.id, 0, 10)->events[1]->created_at, t.clock.WallNow());
  EXPECT_EQ(t.AppendRaw(run.id, {JsonOf(3)})->first_sequence, 3);
  EXPECT_EQ(t.AppendRaw(RunId::New(TimeOf(1)), {"{}"}).error().code, Code::kNotFound);
}

TEST(ProtocolRow, EventsOutsiderRepeated_StoresOnlyWhatIsNew) {
  TestRuns t;
  const auto run = t.CreateExternal();
  ASSERT_TRUE(t.AppendRaw(run.id, {JsonOf(1), JsonOf(2)}, 1));
  const auto again = t.AppendRaw(run.id, {JsonOf(2), JsonOf(3)}, 2).value();
  EXPECT_EQ(again.count, 2);
  EXPECT_EQ(again.last_sequence, 3);
  EXPECT_EQ(t.Last(run.id), 3);
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kCompleted, 3), std::nullopt));
  EXPECT_EQ(t.AppendRaw(run.id, {JsonOf(3)}, 3)->last_sequence, 3);  // the answer was lost
  EXPECT_EQ(t.AppendRaw(run.id, {JsonOf(4)}, 4).error().code, Code::kRunEnded);
  EXPECT_EQ(t.AppendRaw(run.id, {JsonOf(4)}).error().code, Code::kRunEnded);
  EXPECT_EQ(t.AppendRaw(run.id, {JsonOf(9)}, 9).error().code, Code::kRunEnded);
  EXPECT_EQ(t.Last(run.id), 3);
}

TEST(ProtocolRow, EventsOutsiderSupervised_AreRefused) {
  TestRuns t;
  const auto pending = t.Create();
  EXPECT_EQ(t.AppendRaw(pending.id, {"{}"}).error().code, Code::kRunSupervised);
  EXPECT_EQ(t.Row(pending.id).status, RunStatus::kPending);
  const auto started = t.Started();
  for (const auto first : {std::optional<std::int64_t>(), std::optional<std::int64_t>(9)}) {
    EXPECT_EQ(t.AppendRaw(started.id, {"{}"}, first).error().code, Code::kRunSupervised);
  }
  EXPECT_EQ(t.Last(started.id), 0);
}

TEST(ProtocolRow, HeartbeatEnded_IsRefusedForAnEndedRunAndAnOlderAttempt) {
  TestRuns t;
  const auto run = t.Claimed1();
  EXPECT_TRUE(Runs::CheckAttempt(t.Row(run.id), 1));
  t.ClaimAgain(run.id);
  EXPECT_EQ(Runs::CheckAttempt(t.Row(run.id), 1).error().code, Code::kSuperseded);
  ASSERT_TRUE(t.StartAttempt(run.id, 2));
  EXPECT_TRUE(Runs::CheckAttempt(t.Row(run.id), 2));
  ASSERT_TRUE(t.Complete(run.id, CompletionOf(RunStatus::kFailed, 0), 2));
  EXPECT_EQ(Runs::CheckAttempt(t.Row(run.id), 2).error().code, Code::kRunEnded);
  EXPECT_EQ(Runs::CheckAttempt(t.Row(run.id), 1).error().code, Code::kSuperseded);
}

asio::awaitable<Result<bool>> WaitUntil(feed::Feed& feed, RunId run, std::int64_t since,
                                        MonoTime deadline) {
  auto waiter = feed.NewWaiter();
  co_await feed.Wait(run, since, deadline, waiter);
  co_return true;
}

TEST(ProtocolRow, LongPollDeadline_GivesAnEmptyPageWithTheSameCursor) {
  TestRuns t;
  const auto run = t.Started();
  ASSERT_TRUE(t.Append(run.id, BodyOf(1, 3)));
  bool woken = false;
  const MonoTime deadline = t.clock.Now() + Seconds(60);
  asio::co_spawn(t.store.loop, WaitUntil(*t.feed, run.id, 3, deadline),
                 [&](std::exception_ptr, Result<bool>) { woken = true; });
  t.store.loop.restart();
  t.store.loop.poll();
  EXPECT_FALSE(woken);
  t.clock.Advance(Seconds(60));
  t.store.loop.run();
  EXPECT_TRUE(woken);
  const auto page = t.feed->Read(run.id, 3, 100).value();
  EXPECT_TRUE(page.events.empty());
  EXPECT_EQ(page.next_sequence, 3);
  EXPECT_FALSE(page.has_more);
}

TEST(ProtocolRow, PageLimits_EndAPageAt8MiBWithHasMore) {
  TestRuns t;
  const auto run = t.Started();
  const std::string json = "{\"t\":\"" + std::string(3 << 20, 'x') + "\"}";
  const std::string huge = "{\"t\":\"" + std::string(9 << 20, 'x') + "\"}";
  for (int i = 1; i <= 4; ++i) {
    std::string body;
    event::AppendRecord(body, i, TimeOf(i), event::Source::kAgent, i == 4 ? huge : json);
    ASSERT_TRUE(t.Append(run.id, body));
  }
  auto page = t.feed->Read(run.id, 0, 100).value();
  EXPECT_EQ(page.events.size(), 2u);
  EXPECT_TRUE(page.has_more);
  page = t.feed->Read(run.id, 2, 100).value();
  EXPECT_EQ(page.events.size(), 1u);
  EXPECT_TRUE(page.has_more);
  page = t.feed->Read(run.id, 3, 100).value();  // above the limit by itself: a page of one
  ASSERT_EQ(page.events.size(), 1u);
  EXPECT_EQ(page.events[0]->json, huge);
  EXPECT_FALSE(page.has_more);
}

}  // namespace
}  // namespace vm0::run
