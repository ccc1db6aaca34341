// SPDX-License-Identifier: Apache-2.0
#include "runner/pruning.h"

#include <gmock/gmock.h>

#include "os/file.h"
#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using testing::UnorderedElementsAre;

struct PruningTest : testing::Test {
  PruningTest() {
    EXPECT_TRUE(os::MakeDirs(dir.workspace() / "deep"));
    EXPECT_TRUE(os::MakeDirs(dir.home()));
    WriteText(dir.workspace() / "deep" / "file", std::string(10'000, 'x'));
    WriteText(dir.log(), "the agent runs\n");
    WriteText(dir.lock(), "pid=1 boot=x\n");
    EXPECT_TRUE(dir.NoteStarted(1));
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
      names.push_back(entry.path().filename());
    return names;
  }
  void ExpectLeft(const std::string& why) {
    const auto before = Names();
    for (const Pruning what : {Pruning::kOnlyCount, Pruning::kRemove}) {
      const auto left = PruneRunDir(dir, what);
      ASSERT_TRUE(left) << left.error().message;
      EXPECT_FALSE(*left) << why;
    }
    EXPECT_THAT(Names(), testing::UnorderedElementsAreArray(before)) << why;
  }

  const TestDirectory directory;
  const supervisor::RunDir dir{directory.path() / "run"};
};

TEST_F(PruningTest, KeepsTheLockAndTheNoteThatItsAgentHasRun) {
  const auto counted = PruneRunDir(dir, Pruning::kOnlyCount);
  EXPECT_GE(**counted, 10'000);
  EXPECT_EQ(Names().size(), 5u);
  EXPECT_EQ(**PruneRunDir(dir, Pruning::kRemove), **counted);
  EXPECT_THAT(Names(), UnorderedElementsAre("lock", "started"));
  EXPECT_EQ(dir.ReadStarted(), 1);
  EXPECT_EQ(**PruneRunDir(dir, Pruning::kRemove), 0) << "again";
  EXPECT_THAT(Names(), UnorderedElementsAre("lock", "started"));
}

TEST_F(PruningTest, NothingStaysOfARunWhoseAgentNeverRan) {
  std::filesystem::remove(dir.started());
  EXPECT_TRUE(PruneRunDir(dir, Pruning::kRemove)->has_value());
  EXPECT_FALSE(std::filesystem::exists(dir.path()));
  EXPECT_EQ(**PruneRunDir(dir, Pruning::kRemove), 0);
  EXPECT_FALSE(std::filesystem::exists(dir.path())) << "nor is it made again";
}

TEST_F(PruningTest, LeavesWhatSomebodyHolds) {
  const auto lock = os::FileLock::TryAcquire(dir.lock());
  ASSERT_TRUE(lock && *lock);
  ExpectLeft("locked");
}

TEST_F(PruningTest, LeavesWhatItsEndHasNotDoneWith) {
  for (const auto& path : {dir.spec(), dir.spool(), dir.uid()}) {
    WriteText(path, "x");
    ExpectLeft(path);
    std::filesystem::remove(path);
  }
  ASSERT_TRUE(os::MakeDirs(dir.tmp()));
  ExpectLeft("tmp");
}

TEST_F(PruningTest, LeavesFilesThatItDoesNotKnow) {
  std::filesystem::remove(dir.started());
  WriteText(dir.path() / "notes", "mine");
  EXPECT_TRUE(PruneRunDir(dir, Pruning::kRemove)->has_value());
  EXPECT_THAT(Names(), UnorderedElementsAre("notes"));
}

TEST_F(PruningTest, NeverFollowsALinkThatAnAgentHasLeft) {
  ASSERT_TRUE(os::MakeDirs(directory.path() / "elsewhere"));
  WriteText(directory.path() / "elsewhere" / "kept", "x");
  std::filesystem::remove_all(dir.home());
  std::filesystem::create_directory_symlink(directory.path() / "elsewhere", dir.home());
  EXPECT_TRUE(PruneRunDir(dir, Pruning::kRemove)->has_value());
  EXPECT_THAT(Names(), UnorderedElementsAre("lock", "started"));
  EXPECT_EQ(ReadText(directory.path() / "elsewhere" / "kept"), "x");
}

}  // namespace
}  // namespace vm0::runner
