// SPDX-License-Identifier: Apache-2.0
#include "store/row_cache.h"

#include <gtest/gtest.h>

#include "store/test_store.h"

namespace vm0::store {
namespace {

TEST(RowCache, ForgetsAllWhenTheVersionChanges) {
  Version version = 0;
  RowCache<int, std::string> cache(version);
  EXPECT_EQ(cache.Find(1), nullptr);
  cache.Keep(1, "one", 3);
  cache.Keep(2, "two", 3);
  ASSERT_NE(cache.Find(1), nullptr);
  EXPECT_EQ(*cache.Find(1), "one");
  ++version;
  EXPECT_EQ(cache.Find(1), nullptr);
  EXPECT_EQ(cache.Find(2), nullptr);
}

TEST(RowCache, ForgetsARowThatWasReadBeforeAChangeAndKeptAfterIt) {
  Version version = 0;
  RowCache<int, std::string> cache(version);
  EXPECT_EQ(cache.Find(1), nullptr);
  ++version;
  cache.Keep(1, "old", 3);
  EXPECT_EQ(cache.Find(1), nullptr);
}

TEST(RowCache, HoldsABoundedNumberOfBytes) {
  Version version = 0;
  RowCache<int, std::string> cache(version);
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  EXPECT_EQ(cache.Find(0), nullptr);
  for (int i = 0; i < 100; ++i) cache.Keep(i, "row", kMebibyte);
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += cache.Find(i) != nullptr ? 1 : 0;
  EXPECT_GT(kept, 0);
  EXPECT_LE(kept, 8);
  cache.Keep(200, "too large", 9 * kMebibyte);
  EXPECT_EQ(cache.Find(200), nullptr);
}

// What the store has cached is never other than what it would read.
struct CachedRowsTest : testing::Test {
  CachedRowsTest() : run(InsertRunning(store)) {}

  Result<std::optional<store::Run>> SetMachine(const std::string& machine) {
    return store.Write([this, machine](Stores& s) -> Result<std::optional<store::Run>> {
      VM0_ASSIGN(std::optional<store::Run> found, s.runs.FindRun(run.id));
      found->machine = machine;
      VM0_TRY(s.runs.UpdateRun(*found));
      return s.runs.FindRun(run.id);
    });
  }
  std::string Machine() { return store.reader().runs.FindRun(run.id).value()->machine; }
  std::string MachineOfWriter() {
    return (*store.Write([this](Stores& s) { return s.runs.FindRun(run.id); }))->machine;
  }
  std::int64_t LastOfWriter() {
    return *store.Write([this](Stores& s) { return s.events.LastSequence(run.id); });
  }
  // Changes the run and appends an event to it, looks at both, and fails.
  Database::Work FailingWork() {
    return [this](Stores& s) -> Status {
      VM0_ASSIGN(std::optional<store::Run> found, s.runs.FindRun(run.id));
      found->machine = "rolled back";
      VM0_TRY(s.runs.UpdateRun(*found));
      const std::string body = BodyOf(1, 3);
      VM0_ASSIGN(const auto records, event::ParseRecords(body));
      VM0_TRY(s.events.Append(run.id, records));
      VM0_ASSIGN(found, s.runs.FindRun(run.id));
      EXPECT_EQ(found->machine, "rolled back");
      EXPECT_EQ(s.events.LastSequence(run.id), 3);
      return Fail(Code::kConflict, "on purpose");
    };
  }

  TestStore store;
  store::Run run;
};

TEST_F(CachedRowsTest, AReaderAndAWriterSeeEachChangeOfARun) {
  for (const std::string machine : {"one", "two", "three"}) {
    EXPECT_EQ((*SetMachine(machine))->machine, machine);
    EXPECT_EQ(Machine(), machine);
    EXPECT_EQ(Machine(), machine);
    EXPECT_EQ(MachineOfWriter(), machine);
  }
}

TEST_F(CachedRowsTest, ARevokedTokenIsGoneAtOnce) {
  Token token;
  token.id = TokenId::New(TimeOf(1));
  token.hash = "hash";
  token.user_id = "user";
  ASSERT_TRUE(store.Write([token](Stores& s) { return s.runs.InsertToken(token); }));
  ASSERT_TRUE(store.reader().runs.FindToken("hash").value().has_value());
  ASSERT_TRUE(store.Write([token](Stores& s) { return s.runs.RemoveToken("", token.id); }));
  EXPECT_FALSE(store.reader().runs.FindToken("hash").value().has_value());
}

TEST_F(CachedRowsTest, WhatAWorkThatFailsAloneHadSeenIsForgotten) {
  ASSERT_TRUE(SetMachine("before"));
  ASSERT_EQ(Machine(), "before");
  EXPECT_FALSE(store.Write(FailingWork()));
  EXPECT_EQ(MachineOfWriter(), "before");
  EXPECT_EQ(Machine(), "before");
  EXPECT_EQ(LastOfWriter(), 0);
}

TEST_F(CachedRowsTest, WhatAWorkThatFailsInAGroupHadSeenIsForgotten) {
  ASSERT_TRUE(SetMachine("before"));
  int done = 0;
  std::string seen;
  std::int64_t last = -1;
  store.database->Submit(FailingWork(), [&](const Status& status) { done += status ? 100 : 1; });
  store.database->Submit(
      [&](Stores& s) -> Status {
        seen = s.runs.FindRun(run.id).value()->machine;
        last = s.events.LastSequence(run.id).value();
        return {};
      },
      [&](const Status& status) { done += status ? 1 : 100; });
  store.loop.restart();
  store.loop.run();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(seen, "before");
  EXPECT_EQ(last, 0);
}

}  // namespace
}  // namespace vm0::store
