// SPDX-License-Identifier: Apache-2.0
#include "archive/pack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "archive/unpack.h"
#include "os/test_directory.h"

namespace vm0::archive {
namespace {

using os::ReadText;
using os::WriteText;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

struct PackTest : testing::Test {
  PackTest() { EXPECT_TRUE(os::MakeDirs(from)); }

  void There(const PackOptions& options = {}) {
    const auto packed = Pack(from, file, options);
    ASSERT_TRUE(packed) << packed.error().message;
  }
  void ThereAndBack(const PackOptions& options = {}) {
    There(options);
    const auto unpacked = Unpack(file, to, {});
    ASSERT_TRUE(unpacked) << unpacked.error().message;
  }
  std::string Refused(const Limits& limits) {
    const auto packed = Pack(from, file, {.limits = limits});
    EXPECT_EQ(std::filesystem::exists(file), packed.has_value());
    std::filesystem::remove(file);
    return packed ? "" : packed.error().message;
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

  os::TestDirectory directory;
  const std::filesystem::path from = directory.path() / "from";
  const std::filesystem::path to = directory.path() / "to";
  const std::filesystem::path file = directory.path() / "x.tar.gz";
};

TEST_F(PackTest, BringsHiddenAndEmptyAndHugeFilesThrough) {
  ASSERT_TRUE(os::MakeDirs(from / ".git" / "objects"));
  WriteText(from / ".git" / "HEAD", "ref: x\n");
  WriteText(from / "empty", "");
  std::string huge(9 << 20, 'h');
  huge.back() = '.';
  WriteText(from / "huge", huge);
  const std::string long_name(255, 'n');
  ASSERT_TRUE(os::MakeDirs(from / long_name));
  std::ofstream(from / long_name / long_name) << "long";
  WriteText(from / "odd \xff\n", "odd");
  ThereAndBack();
  EXPECT_EQ(ReadText(to / ".git" / "HEAD"), "ref: x\n");
  EXPECT_TRUE(std::filesystem::is_directory(to / ".git" / "objects"));
  EXPECT_EQ(ReadText(to / "empty"), "");
  EXPECT_TRUE(ReadText(to / "huge") == huge);
  EXPECT_EQ(ReadText(to / long_name / long_name), "long");
  EXPECT_EQ(ReadText(to / "odd \xff\n"), "odd");
}

TEST_F(PackTest, BringsLinksThroughAndNeverFollowsThem) {
  WriteText(directory.path() / "secret", "s");
  std::filesystem::create_symlink("../secret", from / "file");
  std::filesystem::create_directory_symlink("..", from / "folder");
  std::filesystem::create_symlink(std::string(300, 'x'), from / "long");
  ThereAndBack();
  EXPECT_EQ(std::filesystem::read_symlink(to / "file"), "../secret");
  EXPECT_EQ(std::filesystem::read_symlink(to / "folder"), "..");
  EXPECT_EQ(std::filesystem::read_symlink(to / "long"), std::string(300, 'x'));
}

TEST_F(PackTest, KeepsPermissionsAndTimesButNotSetUid) {
  ASSERT_TRUE(os::MakeDirs(from / "closed"));
  WriteText(from / "closed" / "file", "x");
  WriteText(from / "root", "x");
  ::chmod((from / "root").c_str(), 06755);
  const timespec times[] = {{1000, 0}, {1'000'000'000, 5000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (from / "closed" / "file").c_str(), times, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, (from / "closed").c_str(), times, 0), 0);
  ::chmod((from / "closed").c_str(), 0555);
  ThereAndBack();
  EXPECT_EQ(Look(to / "root").st_mode & 07777, 0755u);
  EXPECT_EQ(Look(to / "closed").st_mode & 07777, 0555u);
  EXPECT_EQ(Look(to / "closed").st_mtim.tv_nsec, 5000);
  EXPECT_EQ(Look(to / "closed" / "file").st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(Look(to / "closed" / "file").st_mtim.tv_nsec, 5000);
}

TEST_F(PackTest, LeavesSocketsAndPipesOutAndMakesFilesOfHardLinks) {
  ASSERT_EQ(::mkfifo((from / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((from / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  WriteText(from / "a", "x");
  std::filesystem::create_hard_link(from / "a", from / "b");
  ThereAndBack();
  EXPECT_THAT(Names(to), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(Look(to / "a").st_nlink, 1u);
  EXPECT_EQ(ReadText(to / "b"), "x");
}

TEST_F(PackTest, LeavesOurDataDirectoryAndTheArchiveItselfOut) {
  ASSERT_TRUE(os::MakeDirs(from / "state"));
  WriteText(from / "state" / "admin.token", "secret");
  WriteText(from / "file", "x");
  const auto inside = from / "x.tar.gz";
  PackOptions options;
  options.left_out = *os::FindFileId(from / "state");
  ASSERT_TRUE(Pack(from, inside, options));
  ASSERT_TRUE(Unpack(inside, to, {}));
  EXPECT_THAT(Names(to), ElementsAre("file"));
}

TEST_F(PackTest, EqualFoldersGiveEqualBytes) {
  for (const char* name : {"b", "a", "c"}) WriteText(from / name, name);
  for (const char* name : {"a", "b", "c"}) {
    const timespec times[] = {{0, 0}, {1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (from / name).c_str(), times, 0), 0);
  }
  ThereAndBack();
  const auto again = directory.path() / "again.tar.gz";
  ASSERT_TRUE(Pack(to, again, {}));
  EXPECT_TRUE(ReadText(file) == ReadText(again));
}

// The kernel's own files say that they are empty, or have a page, and give something else.
TEST_F(PackTest, AFileThatIsNotAsLongAsItSaidDoesNotBreakTheArchive) {
  for (const char* folder : {"/proc/self/fdinfo", "/sys/class/net/lo/statistics"}) {
    const auto packed = Pack(folder, file, {});
    ASSERT_TRUE(packed) << packed.error().message;
    const auto unpacked = Unpack(file, to, {});
    EXPECT_TRUE(unpacked) << unpacked.error().message;
    EXPECT_FALSE(Names(to).empty());
    std::filesystem::remove(file);
    ASSERT_TRUE(os::RemoveTree(to));
  }
}

TEST_F(PackTest, EndsAtTheLimits) {
  WriteText(from / "a", std::string(900, 'a'));
  WriteText(from / "b", std::string(900, 'b'));
  EXPECT_EQ(Refused({.bytes = 1799}), "the files have more than 1799 bytes");
  EXPECT_EQ(Refused({.bytes = 1800}), "");
  EXPECT_EQ(Refused({.files = 1}), "there are more than 1 files and folders");
  EXPECT_EQ(Refused({.files = 2}), "");
  ASSERT_EQ(::truncate((from / "a").c_str(), std::int64_t{1} << 40), 0);
  EXPECT_NE(Refused({.bytes = 1 << 30}), "") << "a hole counts";
}

TEST_F(PackTest, EndsEarlyWhenTold) {
  WriteText(from / "file", "x");
  const std::atomic<bool> stop = true;
  const auto packed = Pack(from, file, {.limits = {.stop = &stop}});
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().code, Code::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(PackTest, RefusesAFileThatIsThere) {
  WriteText(file, "precious");
  EXPECT_FALSE(Pack(from, file, {}));
  EXPECT_EQ(ReadText(file), "precious");
  EXPECT_FALSE(Pack(from / "nothing", directory.path() / "other", {}));
}

TEST_F(PackTest, RefusesWhatIsNestedTooDeep) {
  auto deep = from;
  for (int level = 0; level < 202; ++level) deep /= "d";
  ASSERT_TRUE(os::MakeDirs(deep));
  EXPECT_THAT(Refused({}), HasSubstr("nested too deep"));
}

TEST_F(PackTest, NamesTheFileThatItCanNotRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root can read everything";
  WriteText(from / "closed", "x");
  ::chmod((from / "closed").c_str(), 0);
  EXPECT_THAT(Refused({}), HasSubstr((from / "closed").string()));
}

}  // namespace
}  // namespace vm0::archive
