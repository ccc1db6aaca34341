// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/test_store.h"

namespace vm0::store {
namespace {

using testing::ElementsAre;

constexpr WallTime kNow{Micros(99)};

struct PruneTest : testing::Test {
  // A run with `events` that ended at `micros`, or lives.
  RunId Add(std::int64_t events, std::optional<std::int64_t> ended = std::nullopt,
            const std::string& user = "user") {
    store::Run run = MakeRun(++created_, user);
    run.status = RunStatus::kRunning;
    const std::string body = BodyOf(1, events);
    EXPECT_TRUE(store.Write([&](Stores& s) -> Status {
      VM0_TRY(s.runs.InsertRun(run));
      if (events == 0) return {};
      VM0_ASSIGN(const auto records, event::ParseRecords(body));
      VM0_TRY(s.events.Append(run.id, records));
      return {};
    }));
    if (ended) End(run, events, *ended);
    return run.id;
  }
  void End(store::Run run, std::int64_t last, std::int64_t micros) {
    run.status = RunStatus::kFailed;
    run.completed_at = TimeOf(micros);
    const RunEnd end{.run_id = run.id, .last_sequence = last, .created_at = TimeOf(micros)};
    EXPECT_TRUE(store.Write([&](Stores& s) -> Status {
      VM0_TRY(s.events.InsertEnd(end));
      return s.runs.UpdateRun(run);
    }));
  }
  Result<EventLog::PrunedPiece> Prune(RunId run, const PieceLimits& limits = {}) {
    return store.Write([&](Stores& s) { return s.events.Prune(run, limits, kNow); });
  }
  EventLog& log() { return store.reader().events; }
  std::vector<std::int64_t> Numbers(RunId run) {
    std::vector<std::int64_t> numbers;
    const auto events = log().Read(run, 0, 1000, 1 << 30);
    for (const auto& event : *events) numbers.push_back(event.sequence);
    return numbers;
  }
  std::vector<RunId> Wanted(const PruneFilter& filter) {
    std::vector<RunId> runs;
    const auto candidates = store.reader().runs.ListPrunable(filter);
    for (const auto& candidate : *candidates)
      if (candidate.is_wanted) runs.push_back(candidate.run);
    return runs;
  }

  TestStore store;

 private:
  std::int64_t created_ = 0;
};

TEST_F(PruneTest, RemovesTheFirstEventsPieceByPieceAndNotesHowFarItCame) {
  const RunId run = Add(5, 10);
  const RunId other = Add(3, 10);
  const auto first = Prune(run, {.events = 2});
  EXPECT_EQ(first->size, (EventsSize{.events = 2, .bytes = 2 * 26, .last = 2}));
  EXPECT_FALSE(first->is_last);
  EXPECT_EQ(log().FindPruned(run).value(), (Pruned{2, std::nullopt}));
  EXPECT_THAT(Numbers(run), ElementsAre(3, 4, 5));
  EXPECT_EQ(log().LastSequence(run).value(), 5);
  EXPECT_FALSE(Prune(run, {.events = 2})->is_last);
  const auto last = Prune(run, {.events = 2});
  EXPECT_EQ(last->size.events, 1);
  EXPECT_TRUE(last->is_last);
  EXPECT_THAT(Numbers(run), ElementsAre());
  EXPECT_THAT(Numbers(other), ElementsAre(1, 2, 3));
  store.Reopen();
  EXPECT_EQ(log().FindPruned(run).value(), (Pruned{5, kNow}));
  EXPECT_EQ(log().FindEnd(run).value()->last_sequence, 5);
}

TEST_F(PruneTest, TheLastNumberOutlivesItsEvent) {
  const RunId run = Add(5, 10);
  ASSERT_TRUE(Prune(run)->is_last);
  EXPECT_EQ(log().LastSequence(run).value(), 5);
  EXPECT_EQ(log().LastSequence(Add(0)).value(), 0);
}

TEST_F(PruneTest, APieceEndsAtItsBytesButHasOneEvent) {
  const RunId run = Add(4, 10);
  EXPECT_EQ(Prune(run, {.events = 500, .bytes = 60})->size.events, 2);
  EXPECT_EQ(Prune(run, {.events = 500, .bytes = 1})->size.events, 1);
}

TEST_F(PruneTest, ARunIsPrunedOnceAndKeepsTheTime) {
  const RunId run = Add(1, 10);
  EXPECT_TRUE(Prune(run)->is_last);
  const auto again =
      store.Write([run](Stores& s) { return s.events.Prune(run, {}, kNow + Seconds(1)); });
  EXPECT_EQ(again->size.events, 0);
  EXPECT_TRUE(again->is_last && again->was_pruned);
  EXPECT_EQ(log().FindPruned(run).value(), (Pruned{1, kNow}));
}

TEST_F(PruneTest, ARunThatLivesLosesNothing) {
  const RunId run = Add(2);
  EXPECT_EQ(Prune(run).error().code, Code::kConflict);
  EXPECT_THAT(Numbers(run), ElementsAre(1, 2));
  EXPECT_EQ(log().FindPruned(run).value(), Pruned());
}

TEST_F(PruneTest, ALogWithHolesIsPrunedToItsEnd) {
  const RunId run = Add(5, 10);
  store.database.reset();
  {
    const auto connection = SqliteConnection::Open(store.path());
    ASSERT_TRUE((*connection)->Execute("DELETE FROM events WHERE sequence IN (2, 5)"));
  }
  store.Open();
  EXPECT_TRUE(Prune(run)->is_last);
  EXPECT_EQ(log().FindPruned(run).value().to, 5);
}

TEST_F(PruneTest, PrunedEventsThatComeAgainCountAsStored) {
  const RunId run = Add(4, 10);
  ASSERT_TRUE(Prune(run, {.events = 2}));
  const auto append = [&](const std::string& body) {
    return store.Write([&](Stores& s) -> Result<std::int64_t> {
      VM0_ASSIGN(const auto records, event::ParseRecords(body));
      return s.events.Append(run, records);
    });
  };
  EXPECT_EQ(append(BodyOf(1, 4)).value(), 4);
  EXPECT_EQ(append(BodyOf(1, 1)).value(), 4);
  std::string other = BodyOf(1, 2);
  event::AppendRecord(other, 3, TimeOf(1), event::Source::kAgent, "{}");
  EXPECT_EQ(append(other).error().code, Code::kEventMismatch);
  ASSERT_TRUE(Prune(run)->is_last);
  EXPECT_EQ(append(BodyOf(1, 4)).value(), 4);
  EXPECT_THAT(Numbers(run), ElementsAre());
}

TEST_F(PruneTest, ListsWhatHasEndedBeforeInTheOrderOfTheEnds) {
  const RunId late = Add(1, 30);
  const RunId early = Add(1, 10);
  const RunId middle = Add(0, 20);
  Add(1);
  EXPECT_THAT(Wanted({.ended_before = TimeOf(30)}), ElementsAre(early, middle));
  EXPECT_THAT(Wanted({.ended_before = TimeOf(31)}), ElementsAre(early, middle, late));
  EXPECT_THAT(Wanted({.ended_before = TimeOf(31), .from = middle}), ElementsAre(middle, late));
  EXPECT_THAT(Wanted({.ended_before = TimeOf(31), .limit = 1}), ElementsAre(early));
  ASSERT_TRUE(Prune(middle)->is_last);
  EXPECT_THAT(Wanted({.ended_before = TimeOf(31)}), ElementsAre(early, late));
  EXPECT_THAT(Wanted({.ended_before = TimeOf(31), .from = middle}), ElementsAre(late));
}

TEST_F(PruneTest, LeavesOutOtherUsersAndTheNewestOfEach) {
  const RunId a1 = Add(1, 40, "a");
  const RunId b1 = Add(1, 30, "b");
  const RunId a2 = Add(1, 20, "a");
  Add(1, std::nullopt, "a");
  const WallTime all = TimeOf(100);
  EXPECT_THAT(Wanted({.user_id = "a", .ended_before = all}), ElementsAre(a2, a1));
  EXPECT_THAT(Wanted({.ended_before = all, .keep = 1}), ElementsAre(a2, a1));
  EXPECT_THAT(Wanted({.ended_before = all, .keep = 2}), ElementsAre(a1));
  EXPECT_THAT(Wanted({.ended_before = all, .keep = 3}), ElementsAre());
  EXPECT_THAT(Wanted({.user_id = "b", .ended_before = all}), ElementsAre(b1));
  EXPECT_EQ(store.reader().runs.ListPrunable({.user_id = "b", .ended_before = all})->size(), 3u)
      << "looked at";
}

}  // namespace
}  // namespace vm0::store
