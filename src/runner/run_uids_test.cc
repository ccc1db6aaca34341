// SPDX-License-Identifier: Apache-2.0
#include "runner/run_uids.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "os/disk.h"
#include "os/file.h"
#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using testing::HasSubstr;

struct RunUidsTest : testing::Test {
  supervisor::RunDir MakeDir(const std::string& id) {
    const supervisor::RunDir dir(directory.path() / "runs" / id);
    EXPECT_TRUE(os::MakeDirs(dir.path()));
    return dir;
  }
  RunUids Open() { return RunUids{76160, 76162, directory.path() / "uids"}; }

  TestDirectory directory;
  RunUids uids = Open();
};

TEST_F(RunUidsTest, GivesOneThatNobodyHasAndNotesIt) {
  const auto first = MakeDir("a");
  EXPECT_EQ(uids.Take(first), 76160u);
  EXPECT_EQ(ReadRunUid(first), 76160u);
  EXPECT_EQ(uids.Take(MakeDir("b")), 76161u);
}

TEST_F(RunUidsTest, RunnersOfOtherDataDirectoriesShareTheRegistry) {
  RunUids neighbour = Open();
  EXPECT_EQ(uids.Take(MakeDir("a")), 76160u);
  EXPECT_EQ(neighbour.Take(MakeDir("b")), 76161u);
}

TEST_F(RunUidsTest, AClaimOutlivesItsRunnerAndEndsWithTheNote) {
  const auto dir = MakeDir("a");
  EXPECT_EQ(uids.Take(dir), 76160u);
  RunUids next = Open();
  EXPECT_EQ(next.Take(MakeDir("b")), 76161u);
  ASSERT_TRUE(os::Remove(dir.uid()));
  EXPECT_EQ(next.Take(MakeDir("c")), 76162u);  // each in turn
  EXPECT_EQ(next.Take(MakeDir("d")), 76160u);
}

TEST_F(RunUidsTest, FreeKeepsWhatIsStillNoted) {
  const auto dir = MakeDir("a");
  EXPECT_EQ(uids.Take(dir), 76160u);
  uids.Free(76160);
  EXPECT_EQ(uids.Take(MakeDir("b")), 76161u);
  ASSERT_TRUE(os::Remove(dir.uid()));
  uids.Free(76160);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "uids" / "76160"));
}

TEST_F(RunUidsTest, AfterARebootTheFirstWhoAsksHasTheUid) {
  const auto before = MakeDir("a");
  const auto other = MakeDir("b");
  WriteText(before.uid(), "76160\n");  // notes, and an empty registry
  WriteText(other.uid(), "76160\n");
  EXPECT_EQ(uids.Owns(other, 76160), true);
  EXPECT_EQ(uids.Owns(before, 76160), false);
  EXPECT_EQ(uids.Owns(other, 76160), true);
}

TEST_F(RunUidsTest, SaysWhenThereIsNoneLeft) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(uids.Take(MakeDir(id)));
  const auto none = uids.Take(MakeDir("d"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnavailable);
  EXPECT_THAT(none.error().message, HasSubstr("76160 to 76162"));
}

TEST_F(RunUidsTest, NeverGivesAUidThatAProcessRunsUnder) {
  const uid_t own = ::getuid();
  RunUids with_own(own, own + 1, directory.path() / "uids");
  const auto taken = with_own.Take(MakeDir("a"));
  EXPECT_TRUE(!taken || *taken != own);
}

TEST_F(RunUidsTest, TakesGarbageAndRootForNoNote) {
  const auto dir = MakeDir("a");
  for (const char* text : {"", "0", "-5", "x", "76160 76161"}) {
    WriteText(dir.uid(), text);
    EXPECT_EQ(ReadRunUid(dir), std::nullopt) << text;
  }
  WriteText(dir.uid(), "76160\n");
  EXPECT_EQ(ReadRunUid(dir), 76160u);
}

}  // namespace
}  // namespace vm0::runner
