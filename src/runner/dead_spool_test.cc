// SPDX-License-Identifier: Apache-2.0
#include "runner/dead_spool.h"

#include <gmock/gmock.h>

#include "event/record.h"
#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using testing::HasSubstr;

struct DeadSpoolTest : testing::Test {
  DeadSpool Open(std::string_view bytes) {
    WriteText(path, bytes);
    auto spool = DeadSpool::Open(path);
    EXPECT_TRUE(spool) << spool.error().message;
    return std::move(*spool);
  }

  TestDirectory directory;
  const std::filesystem::path path = directory.path() / "spool";
};

TEST_F(DeadSpoolTest, IsEmptyWithoutAFileOrAWholeHeader) {
  const auto absent = DeadSpool::Open(path);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->last_sequence(), 0);
  EXPECT_EQ(absent->hash(), HashOf(0));
  EXPECT_EQ(Open("").last_sequence(), 0);
  EXPECT_EQ(Open("vm0-spool v").last_sequence(), 0);
  EXPECT_EQ(Open(std::string(4096, '\0')).last_sequence(), 0);
  EXPECT_EQ(Open(SpoolOf(0)).last_sequence(), 0);
}

TEST_F(DeadSpoolTest, RefusesAnotherVersionAndLeavesItAlone) {
  const std::string bytes = "vm0-spool v=2\n1 2 agent {}\n";
  WriteText(path, bytes);
  const auto spool = DeadSpool::Open(path);
  ASSERT_FALSE(spool);
  EXPECT_EQ(spool.error().code, Code::kBadRequest);
  EXPECT_THAT(spool.error().message, HasSubstr(path.string()));
  EXPECT_EQ(ReadText(path), bytes);
}

TEST_F(DeadSpoolTest, DropsATornTailWhereverItIsTorn) {
  const std::string whole = SpoolOf(3);
  const std::string last = MakeRecords(4, 4);
  for (std::size_t size = 0; size < last.size(); ++size) {
    const auto spool = Open(whole + last.substr(0, size));
    ASSERT_EQ(spool.last_sequence(), 3) << size;
    ASSERT_EQ(spool.hash(), HashOf(3));
    ASSERT_EQ(*spool.ReadBatch(1), MakeRecords(1, 3));
  }
}

TEST_F(DeadSpoolTest, EndsBeforeTheFirstThingThatIsNoRecord) {
  const std::string whole = SpoolOf(2);
  for (const std::string& garbage :
       {std::string(100, '\0'), std::string(100, '\0') + "\n", std::string("\n"),
        std::string("3 1 agent {\"torn\":\n"), std::string("3 1 agent [1]\n"), MakeRecords(2, 2),
        MakeRecords(4, 4), std::string("x 1 agent {}\n")}) {
    const auto spool = Open(whole + garbage + MakeRecords(3, 9));
    EXPECT_EQ(spool.last_sequence(), 2) << garbage;
    EXPECT_EQ(*spool.ReadBatch(2), MakeRecords(2, 2));
  }
}

TEST_F(DeadSpoolTest, GivesBatchesFromAnyNumberOn) {
  const auto spool = Open(SpoolOf(2600));
  EXPECT_EQ(spool.last_sequence(), 2600);
  EXPECT_EQ(spool.hash(), HashOf(2600));
  EXPECT_EQ(*spool.ReadBatch(1), MakeRecords(1, 1000));
  EXPECT_EQ(*spool.ReadBatch(256), MakeRecords(256, 1255));
  EXPECT_EQ(*spool.ReadBatch(257), MakeRecords(257, 1256));
  EXPECT_EQ(*spool.ReadBatch(1700), MakeRecords(1700, 2600));
  EXPECT_EQ(*spool.ReadBatch(2600), MakeRecords(2600, 2600));
}

TEST_F(DeadSpoolTest, GivesAHugeRecordAloneAndFillsBatchesNoFurtherThanTheyHold) {
  std::string huge;
  event::AppendRecord(huge, 2, WallTime(Seconds(1)), event::Source::kAgent,
                      R"({"x":")" + std::string(5 << 20, 'x') + "\"}");
  std::string large;
  for (int number = 3; number <= 8; ++number) {
    event::AppendRecord(large, number, WallTime(Seconds(1)), event::Source::kAgent,
                        R"({"x":")" + std::string(1 << 20, 'x') + "\"}");
  }
  const auto spool = Open(SpoolOf(1) + huge + large);
  ASSERT_EQ(spool.last_sequence(), 8);
  EXPECT_EQ(*spool.ReadBatch(1), MakeRecords(1, 1));
  EXPECT_TRUE(*spool.ReadBatch(2) == huge);
  const auto batch = spool.ReadBatch(3);
  ASSERT_TRUE(batch);
  EXPECT_LE(batch->size(), event::kMaxBatchBytes);
  EXPECT_EQ(event::ParseRecords(*batch)->size(), 3u);
}

}  // namespace
}  // namespace vm0::runner
