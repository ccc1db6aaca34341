// SPDX-License-Identifier: Apache-2.0
#include "run/prune.h"

#include <gmock/gmock.h>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

using testing::ElementsAre;

struct PruneTest : testing::Test {
  // A run with so many events that has ended now.
  RunId Ended(std::int64_t events, const std::string& user = "user") {
    test.Create(user);
    const RunId run = test.Claim().value().run.id;
    EXPECT_TRUE(test.StartAttempt(run));
    for (std::int64_t first = 1; first <= events; first += 1000)
      EXPECT_TRUE(test.Append(run, BodyOf(first, std::min(first + 999, events))));
    EXPECT_TRUE(test.Complete(run, CompletionOf(RunStatus::kCompleted, events)));
    test.Pass(Seconds(1));
    return run;
  }
  Result<PrunedPart> Part(const PruneRequest& request) {
    const PruneDirectory directory =
        [this](RunId run, PruneMode mode) -> asio::awaitable<Result<std::optional<std::int64_t>>> {
      return Look(run, mode);
    };
    Pruner pruner(*test.store.database, test.clock, directory,
                  [this](RunId run) { changed.push_back(run); });
    return Await(test.store.loop, pruner.Prune(request));
  }
  asio::awaitable<Result<std::optional<std::int64_t>>> Look(RunId run, PruneMode mode) {
    looked.push_back(run);
    modes.push_back(mode);
    test.clock.Advance(look_takes);
    if (run == in_use) co_return std::nullopt;
    if (run == broken) co_return Fail(Code::kIo, "disk");
    co_return std::optional<std::int64_t>(1000);
  }
  // All parts; counts them.
  PrunedPart All(PruneRequest request) {
    PrunedPart total;
    for (parts = 1;; ++parts) {
      PrunedPart part = Part(request).value();
      total.runs += part.runs;
      total.events += part.events;
      total.bytes += part.bytes;
      total.left.insert(total.left.end(), part.left.begin(), part.left.end());
      if (!part.next || parts > 1000) return total;
      request.after = PruneCursor::Parse(part.next->ToString());
    }
  }
  std::int64_t Rows(RunId run) {
    return static_cast<std::int64_t>(
        test.store.reader().events.Read(run, 0, 1 << 20, 1 << 30)->size());
  }
  store::Pruned PrunedOf(RunId run) { return *test.store.reader().events.FindPruned(run); }

  TestRuns test;
  RunId in_use;
  RunId broken;
  Micros look_takes{0};
  std::vector<RunId> looked;
  std::vector<PruneMode> modes;
  std::vector<RunId> changed;
  int parts = 0;
};

TEST_F(PruneTest, RemovesOnlyWhatEndedLongerAgoAndKeepsItsRow) {
  const RunId old = Ended(3);
  test.Pass(Seconds(100));
  const RunId young = Ended(3);
  const RunId live = test.Started().id;
  const PrunedPart done = All({.older_than = Seconds(50)});
  EXPECT_EQ(done.runs, 1);
  EXPECT_EQ(done.events, 3);
  EXPECT_EQ(done.bytes, 1000 + 3 * static_cast<std::int64_t>(JsonOf(1).size()));
  EXPECT_EQ(Rows(old), 0);
  EXPECT_EQ(Rows(young), 3);
  EXPECT_THAT(looked, ElementsAre(old));
  EXPECT_THAT(changed, ElementsAre(old));
  EXPECT_EQ(test.Row(old).status, RunStatus::kCompleted);
  EXPECT_EQ(test.End(old)->last_sequence, 3);
  EXPECT_EQ(test.Last(old), 3);
  EXPECT_EQ(PrunedOf(old), (store::Pruned{3, test.clock.WallNow()}));
  EXPECT_EQ(test.Row(live).status, RunStatus::kRunning);
}

TEST_F(PruneTest, DoesABoundedPartAndGoesOnWhereItWas) {
  const RunId large = Ended(12'000);
  const RunId small = Ended(1);
  const PrunedPart first = Part({}).value();
  EXPECT_EQ(first.runs, 0);
  EXPECT_LE(first.events, 20 * 500);
  ASSERT_TRUE(first.next);
  EXPECT_EQ(Rows(large), 12'000 - first.events);
  const PrunedPart rest = Part({.after = first.next}).value();
  EXPECT_EQ(rest.runs, 2);
  EXPECT_EQ(first.events + rest.events, 12'001);
  EXPECT_FALSE(rest.next);
  EXPECT_THAT(looked, ElementsAre(large, small)) << "a directory once";
}

TEST_F(PruneTest, BeginsAnewWithoutACursorAndFindsWhatIsThere) {
  const RunId large = Ended(12'000);
  const std::int64_t before = Part({})->events;
  test.Restart();
  const PrunedPart rest = All({});
  EXPECT_EQ(rest.runs, 1);
  EXPECT_EQ(rest.events, 12'000 - before);
  EXPECT_EQ(PrunedOf(large).to, 12'000);
  EXPECT_EQ(All({}).runs, 0);
}

TEST_F(PruneTest, CountsTheSameAsItThenRemoves) {
  for (int i = 0; i < 30; ++i) Ended(i * 40);
  Ended(15'000);
  const PrunedPart counted = All({.mode = PruneMode::kOnlyCount});
  EXPECT_GT(parts, 2);
  EXPECT_THAT(modes, testing::Each(PruneMode::kOnlyCount));
  EXPECT_TRUE(changed.empty());
  const PrunedPart removed = All({});
  EXPECT_EQ(counted.runs, 31);
  EXPECT_EQ(removed.runs, counted.runs);
  EXPECT_EQ(removed.events, counted.events);
  EXPECT_EQ(removed.bytes, counted.bytes);
}

TEST_F(PruneTest, LeavesARunWhoseDirectoryMustStayAndGoesOn) {
  in_use = Ended(1);
  broken = Ended(1);
  const RunId last = Ended(1);
  const PrunedPart done = All({});
  EXPECT_THAT(done.left, ElementsAre(in_use, broken));
  EXPECT_EQ(done.runs, 1);
  EXPECT_EQ(Rows(in_use), 1);
  EXPECT_EQ(Rows(broken), 1);
  EXPECT_EQ(Rows(last), 0);
  in_use = broken = RunId();
  EXPECT_EQ(All({}).runs, 2);
}

TEST_F(PruneTest, ManyRunsThatAreLeftDoNotHoldUpTheOthers) {
  std::vector<RunId> runs;
  for (int i = 0; i < 450; ++i) runs.push_back(Ended(0, i % 3 == 0 ? "a" : "b"));
  EXPECT_EQ(All({.user_id = "a"}).runs, 150);
  EXPECT_EQ(All({.user_id = "b", .keep = 100}).runs, 200);
  EXPECT_EQ(All({}).runs, 100);
}

TEST_F(PruneTest, APartEndsAfterALongDirectory) {
  for (int i = 0; i < 4; ++i) Ended(1);
  look_takes = Seconds(1);
  EXPECT_EQ(Part({})->runs, 2);
  EXPECT_EQ(All({}).runs, 2);
}

TEST(PruneCursorTest, ComesBackFromItsText) {
  const PruneCursor cursor{RunId::New(TimeOf(5)), 7};
  const auto back = PruneCursor::Parse(cursor.ToString());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->run, cursor.run);
  EXPECT_EQ(back->sequence, 7);
  const std::string id = cursor.run.ToString();
  const std::vector<std::string> bad = {"", ":", "x:1", id, id + ":", id + ":-1"};
  for (const std::string& text : bad) EXPECT_FALSE(PruneCursor::Parse(text)) << text;
}

}  // namespace
}  // namespace vm0::run
