// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "store/sqlite_run_store.h"
#include "store/test_store.h"

namespace vm0::store {
namespace {

struct QueueTest : testing::Test {
  store::Run Insert(store::Run run) {
    EXPECT_TRUE(store.Write([run](Stores& s) { return s.runs.InsertRun(run); }));
    return run;
  }
  std::vector<std::string> Users() {
    std::vector<std::string> names;
    const auto users = store.reader().runs.QueuedUsers().value();
    for (const QueuedUser& user : users) names.push_back(user.user_id);
    return names;
  }
  QueuedUser TheUser() {
    const auto users = store.reader().runs.QueuedUsers().value();
    EXPECT_EQ(users.size(), 1u);
    return users.front();
  }

  TestStore store;
};

using Names = std::vector<std::string>;

TEST_F(QueueTest, IsFirstInFirstOutForEachUser) {
  const auto late = Insert(MakeRun(3));
  const auto early = Insert(MakeRun(2));
  const auto foreign = Insert(MakeRun(1, "other"));
  auto& runs = store.reader().runs;
  EXPECT_EQ(*runs.QueuedRunsOf("user"), (std::vector{early.id, late.id}));
  EXPECT_EQ(*runs.QueuedRunsOf("other"), std::vector{foreign.id});
  EXPECT_EQ(*runs.CountQueued("user"), 2);
  EXPECT_EQ(*runs.CountQueued("nobody"), 0);
  EXPECT_EQ(Users(), (Names{"other", "user"}));
  EXPECT_EQ(runs.QueuedUsers()->at(1).oldest, early.id);
  EXPECT_EQ(runs.QueuedUsers()->at(1).oldest_created_at, TimeOf(2));
}

TEST_F(QueueTest, HoldsNoneThatIsExternalHeldClaimedOrEnded) {
  EXPECT_EQ(Users(), Names{});
  store::Run external = MakeRun(1);
  external.external = true;
  store::Run held = MakeRun(2);
  held.held = true;
  store::Run running = MakeRun(3);
  running.status = RunStatus::kRunning;
  store::Run ended = MakeRun(4);
  ended.status = RunStatus::kFailed;
  ended.completed_at = TimeOf(9);
  for (const auto& run : {external, held, running, ended}) Insert(run);
  EXPECT_EQ(Users(), Names{});
  EXPECT_TRUE(*store.reader().runs.HasHeld());
  ASSERT_TRUE(store.Write([](Stores& s) { return s.runs.EndHolds(); }));
  EXPECT_FALSE(*store.reader().runs.HasHeld());
  EXPECT_EQ(*store.reader().runs.QueuedRunsOf("user"), std::vector{held.id});
  EXPECT_EQ(*store.reader().runs.CountUnfinished(), 3);
}

TEST_F(QueueTest, CountsTheRunningOnesOfAUser) {
  for (int i = 0; i < 3; ++i) {
    store::Run run = MakeRun(i + 1, i == 0 ? "other" : "user");
    run.status = RunStatus::kRunning;
    Insert(run);
  }
  store::Run external = MakeRun(7);
  external.status = RunStatus::kRunning;
  external.external = true;
  Insert(external);
  Insert(MakeRun(9));
  EXPECT_EQ(TheUser().running, 2);
}

TEST_F(QueueTest, TurnsGrowOverAllUsers) {
  Insert(MakeRun());
  EXPECT_EQ(TheUser().turn, 0);
  const auto take = [&](const std::string& user) {
    ASSERT_TRUE(store.Write([user](Stores& s) { return s.runs.TakeTurn(user); }));
  };
  take("user");
  EXPECT_EQ(TheUser().turn, 1);
  take("other");
  take("user");
  EXPECT_EQ(TheUser().turn, 3);
}

TEST_F(QueueTest, CountsWhatHasNotEndedUpToABound) {
  for (int i = 0; i < 4; ++i) {
    store::Run run = MakeRun(i + 1);
    if (i == 0) run.external = true;
    if (i == 1) run.status = RunStatus::kRunning;
    if (i == 2) run.status = RunStatus::kFailed, run.completed_at = TimeOf(9);
    Insert(run);
  }
  Insert(MakeRun(5, "other"));
  EXPECT_EQ(*store.reader().runs.CountUnfinishedOf("user", 10), 3);
  EXPECT_EQ(*store.reader().runs.CountUnfinishedOf("user", 2), 2);
}

// What a claim looks at must not grow with the queue: no step of its plan may read a whole table,
// or sort.
TEST_F(QueueTest, AClaimSearchesIndexesAlone) {
  Insert(MakeRun());
  auto connection = SqliteConnection::Open(store.path()).value();
  auto query = connection->Query("EXPLAIN QUERY PLAN " + std::string(kQueuedUsersSql));
  std::string plan;
  for (auto there = query.Step(); there && *there; there = query.Step())
    plan += query.Text(3) + "\n";
  EXPECT_NE(plan.find("COVERING INDEX runs_queue"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("SCAN runs"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("SCAN r\n"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << plan;
}

}  // namespace
}  // namespace vm0::store
