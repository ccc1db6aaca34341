// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "feed/feed.h"
#include "store/test_store.h"

namespace vm0::feed {
namespace {

using store::Await;

// What readers see of a run while it is pruned.
struct PrunedFeedTest : testing::Test {
  PrunedFeedTest() {
    run = store::InsertRunning(store).id;
    const Feed::Gate open = [](store::Stores&) -> Status { return {}; };
    EXPECT_TRUE(Await(store.loop, feed.Append(run, store::BodyOf(1, 10), open)));
    EXPECT_TRUE(store.Write([this](store::Stores& s) -> Status {
      auto row = s.runs.FindRun(run).value().value();
      row.status = store::RunStatus::kFailed;
      row.completed_at = store::TimeOf(9);
      VM0_TRY(s.events.InsertEnd({.run_id = run, .last_sequence = 10}));
      return s.runs.UpdateRun(row);
    }));
    feed.Wake(run);
  }
  void Prune(int events) {
    EXPECT_TRUE(
        store.Write([&](store::Stores& s) { return s.events.Prune(run, {.events = events}, {}); }));
  }
  void ExpectPruned(const Error& error, std::int64_t first) {
    EXPECT_EQ(error.code, Code::kEventsPruned) << error.message;
    EXPECT_EQ(error.number, first);
  }

  os::FakeClock clock;
  store::TestStore store;
  Feed feed{*store.database, clock};
  RunId run;
};

TEST_F(PrunedFeedTest, WhatIsPrunedIsNotReadFromMemoryEither) {
  ASSERT_TRUE(feed.Read(run, 0, 10));
  Prune(4);
  feed.Wake(run);
  ExpectPruned(feed.Read(run, 0, 10).error(), 5);
  ExpectPruned(feed.Read(run, 3, 10).error(), 5);
  EXPECT_EQ(feed.Read(run, 4, 10)->events.front()->sequence, 5);
}

TEST_F(PrunedFeedTest, WhenNoneIsLeftTheEndIsStillRead) {
  Prune(10);
  feed.Wake(run);
  ExpectPruned(feed.Read(run, 9, 10).error(), 11);
  const auto page = feed.Read(run, 10, 10);
  EXPECT_FALSE(page->has_more);
  EXPECT_EQ(page->run->status, store::RunStatus::kFailed);
  EXPECT_EQ(feed.Read(run, 11, 10).error().code, Code::kCursorAhead);
}

TEST_F(PrunedFeedTest, AHeadOfBeforeGivesNoHoles) {
  Feed fresh(*store.database, clock);  // without a tail
  const Head before = *fresh.ReadHead(run);
  Prune(4);
  ExpectPruned(fresh.ReadEvents(before, 0, 10, 1 << 20).error(), 5);
  ExpectPruned(fresh.ReadEvents(before, 2, 10, 1 << 20).error(), 5);
  EXPECT_EQ(fresh.ReadEvents(before, 4, 10, 1 << 20)->size(), 6u);
  Prune(6);
  ExpectPruned(fresh.ReadEvents(before, 4, 10, 1 << 20).error(), 11);
}

}  // namespace
}  // namespace vm0::feed
