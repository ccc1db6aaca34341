// SPDX-License-Identifier: Apache-2.0
#include "runner/copy_tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"
#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

struct CopyTreeTest : testing::Test {
  CopyTreeTest() { EXPECT_TRUE(os::MakeDirs(from)); }

  void Copy(const CopyOptions& options = {}) {
    const auto copied = CopyTree(from, to, options);
    EXPECT_TRUE(copied) << copied.error().message;
  }
  static struct stat Look(const std::filesystem::path& path) {
    struct stat found {};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
    return found;
  }
  static std::vector<std::string> Names(const std::filesystem::path& path) {
    const auto fd = os::OpenDirectory(AT_FDCWD, path.string(), path.string());
    return os::ListNames(fd->get(), path.string()).value_or(std::vector<std::string>{});
  }

  TestDirectory directory;
  const std::filesystem::path from = directory.path() / "from";
  const std::filesystem::path to = directory.path() / "to";
};

TEST_F(CopyTreeTest, CopiesHiddenAndEmptyAndHugeFiles) {
  ASSERT_TRUE(os::MakeDirs(from / ".git" / "objects"));
  WriteText(from / ".git" / "HEAD", "ref: x\n");
  WriteText(from / "empty", "");
  std::string huge(9 << 20, 'h');
  huge.back() = '.';
  WriteText(from / "huge", huge);
  Copy();
  EXPECT_EQ(ReadText(to / ".git" / "HEAD"), "ref: x\n");
  EXPECT_TRUE(std::filesystem::is_directory(to / ".git" / "objects"));
  EXPECT_EQ(ReadText(to / "empty"), "");
  EXPECT_TRUE(ReadText(to / "huge") == huge);
}

TEST_F(CopyTreeTest, KeepsSymbolicLinksAndNeverFollowsThem) {
  WriteText(directory.path() / "secret", "s");
  ASSERT_TRUE(os::MakeDirs(directory.path() / "outside"));
  WriteText(directory.path() / "outside" / "file", "s");
  std::filesystem::create_symlink("../secret", from / "file");
  std::filesystem::create_directory_symlink("../outside", from / "folder");
  std::filesystem::create_symlink("nowhere", from / "dangling");
  Copy();
  EXPECT_EQ(std::filesystem::read_symlink(to / "file"), "../secret");
  EXPECT_EQ(std::filesystem::read_symlink(to / "folder"), "../outside");
  EXPECT_EQ(std::filesystem::read_symlink(to / "dangling"), "nowhere");
}

TEST_F(CopyTreeTest, LeavesSocketsPipesAndDevicesOut) {
  ASSERT_EQ(::mkfifo((from / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((from / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  WriteText(from / "file", "x");
  Copy();
  EXPECT_THAT(Names(to), UnorderedElementsAre("file"));
}

TEST_F(CopyTreeTest, KeepsPermissionsButForSetUid) {
  WriteText(from / "script", "#!");
  WriteText(from / "root", "x");
  ASSERT_TRUE(os::MakeDirs(from / "closed"));
  WriteText(from / "closed" / "file", "x");
  ::chmod((from / "script").c_str(), 0755);
  ::chmod((from / "root").c_str(), 04755);
  ::chmod((from / "closed").c_str(), 0555);
  Copy();
  EXPECT_EQ(Look(to / "script").st_mode & 07777, 0755u);
  EXPECT_EQ(Look(to / "root").st_mode & 07777, 0755u);
  EXPECT_EQ(Look(to / "closed").st_mode & 07777, 0555u);
  EXPECT_EQ(ReadText(to / "closed" / "file"), "x");
}

TEST_F(CopyTreeTest, KeepsTimesOfChange) {
  WriteText(from / "old", "x");
  const timespec times[] = {{1000, 0}, {1'000'000'000, 5000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (from / "old").c_str(), times, 0), 0);
  Copy();
  EXPECT_EQ(Look(to / "old").st_mtim.tv_sec, 1'000'000'000);
}

TEST_F(CopyTreeTest, MakesAWorkspaceThatCanBeWrittenOfAFolderThatCanNot) {
  ::chmod(from.c_str(), 0555);
  Copy();
  EXPECT_EQ(Look(to).st_mode & 0777, 0755u);
}

TEST_F(CopyTreeTest, LeavesOutTheDirectoryThatHoldsTheCopy) {
  ASSERT_TRUE(os::MakeDirs(from / "state" / "runs"));
  WriteText(from / "state" / "admin.token", "secret");
  WriteText(from / "file", "x");
  CopyOptions options;
  options.left_out = *os::FindFileId(from / "state");
  const auto copied = CopyTree(from, from / "state" / "runs" / "copy", options);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(Names(from / "state" / "runs" / "copy"), UnorderedElementsAre("file"));
}

TEST_F(CopyTreeTest, NeverCopiesTheCopy) {
  ASSERT_TRUE(os::MakeDirs(from / "deep"));
  WriteText(from / "file", "x");
  const auto copied = CopyTree(from, from / "deep" / "copy", {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_THAT(Names(from / "deep" / "copy"), UnorderedElementsAre("file", "deep"));
  EXPECT_THAT(Names(from / "deep" / "copy" / "deep"), UnorderedElementsAre());
}

TEST_F(CopyTreeTest, EndsAtTheRunsLimits) {
  WriteText(from / "a", std::string(900'000, 'a'));
  WriteText(from / "b", std::string(900'000, 'b'));
  const auto refused = [&](CopyOptions options) {
    const auto copied = CopyTree(from, to, options);
    std::filesystem::remove_all(to);
    return copied ? "" : copied.error().message;
  };
  EXPECT_THAT(refused({.limit_bytes = 1 << 20}),
              HasSubstr("it takes more than the run's disk limit of 1 MiB: give it more"));
  EXPECT_EQ(refused({.limit_bytes = 2 << 20}), "");
  EXPECT_THAT(refused({.limit_files = 1}),
              HasSubstr("it has more than the run's limit of 1 files and folders: give it more"));
  EXPECT_EQ(refused({.limit_files = 2}), "");
}

TEST_F(CopyTreeTest, NamesTheFileThatItCanNotRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root can read everything";
  WriteText(from / "closed", "x");
  ::chmod((from / "closed").c_str(), 0);
  const auto copied = CopyTree(from, to, {});
  ASSERT_FALSE(copied);
  EXPECT_THAT(copied.error().message, HasSubstr((from / "closed").string()));
}

TEST_F(CopyTreeTest, RefusesAFolderThatIsNotThereOrIsNone) {
  WriteText(from / "file", "x");
  EXPECT_EQ(CopyTree(from / "nothing", to, {}).error().code, Code::kNotFound);
  EXPECT_EQ(CopyTree(from / "file", to, {}).error().code, Code::kIo);
}

TEST_F(CopyTreeTest, RefusesWhatIsNestedTooDeep) {
  auto deep = from;
  for (int level = 0; level < 202; ++level) deep /= "d";
  ASSERT_TRUE(os::MakeDirs(deep));
  const auto copied = CopyTree(from, to, {});
  ASSERT_FALSE(copied);
  EXPECT_THAT(copied.error().message, HasSubstr("nested too deep"));
}

TEST_F(CopyTreeTest, EndsEarlyWhenTold) {
  WriteText(from / "file", "x");
  const std::atomic<bool> stop = true;
  CopyOptions options;
  options.stop = &stop;
  const auto copied = CopyTree(from, to, options);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace vm0::runner
