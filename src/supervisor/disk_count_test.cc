// SPDX-License-Identifier: Apache-2.0
#include "supervisor/disk_count.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "supervisor/test_folder.h"

namespace vm0::supervisor {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

void Write(const std::filesystem::path& path, std::size_t size) {
  std::ofstream(path) << std::string(size, 'x');
}

DiskUse CountAll(std::vector<std::filesystem::path> folders) {
  DiskCount count(std::move(folders));
  while (count.Step(3)) {
  }
  return count.use();
}

class DiskCountTest : public ::testing::Test {
 protected:
  const std::filesystem::path& root() const { return folder_.path(); }
  DiskUse Use() { return CountAll({root()}); }

 private:
  TestFolder folder_;
};

TEST_F(DiskCountTest, CountsWhatIsAllocatedAndWhatHasAName) {
  std::filesystem::create_directories(root() / "a" / "b");
  const DiskUse before = Use();
  EXPECT_EQ(before.entries, 3);
  Write(root() / "a" / "b" / "full", 3 * kMiB);
  const os::Fd sparse(::open((root() / "sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(sparse.get(), 1000 * kMiB), 0);
  Write(root() / "odd \n\xff\x01 name", 1);
  const DiskUse after = Use();
  EXPECT_EQ(after.entries, 6);
  EXPECT_GE(after.bytes - before.bytes, 3 * kMiB);
  EXPECT_LT(after.bytes - before.bytes, 4 * kMiB);
}

TEST_F(DiskCountTest, SumsAllFoldersAndTakesAbsentOnesForEmpty) {
  for (const char* name : {"one", "two"}) {
    std::filesystem::create_directories(root() / name);
    Write(root() / name / "file", kMiB);
  }
  const DiskUse use = CountAll({root() / "one", root() / "two", root() / "three"});
  EXPECT_EQ(use.entries, 4);
  EXPECT_GE(use.bytes, 2 * kMiB);
}

TEST_F(DiskCountTest, AFileWithManyNamesCountsOnce) {
  Write(root() / "file", 4 * kMiB);
  for (int i = 0; i < 7; ++i) {
    const auto name = root() / std::to_string(i);
    ASSERT_EQ(::link((root() / "file").c_str(), name.c_str()), 0);
  }
  EXPECT_EQ(Use().entries, 9);
  EXPECT_LT(Use().bytes, 5 * kMiB);
}

TEST_F(DiskCountTest, SymbolicLinksLeadNowhere) {
  ASSERT_EQ(::symlink("/", (root() / "link").c_str()), 0);
  ASSERT_EQ(::symlink("link", (root() / "loop").c_str()), 0);
  EXPECT_EQ(Use().entries, 3);
  EXPECT_EQ(CountAll({root() / "link"}).entries, 1);
}

TEST_F(DiskCountTest, OtherFileSystemsAreNotItsBusiness) {
  EXPECT_EQ(CountAll({"/proc/self"}).too_deep, false);
  // /dev/shm or /dev/pts lie on file systems of their own.
  struct stat dev {
  }, inner{};
  ASSERT_EQ(::stat("/dev", &dev), 0);
  ASSERT_EQ(::stat("/dev/pts", &inner), 0);
  ASSERT_NE(dev.st_dev, inner.st_dev);
  std::int64_t same = 1;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           "/dev", std::filesystem::directory_options::skip_permission_denied)) {
    struct stat file {};
    same += ::lstat(entry.path().c_str(), &file) == 0 && file.st_dev == dev.st_dev ? 1 : 0;
  }
  EXPECT_EQ(CountAll({"/dev"}).entries, same);
}

// Each path is longer than a system call takes.
TEST_F(DiskCountTest, NestingHasAnEnd) {
  const std::string name(100, 'd');
  os::Fd at(::open(root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t i = 0; i < 3 * kDeepestFolder; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at = os::Fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.is_open());
  }
  const DiskUse use = Use();
  EXPECT_TRUE(use.too_deep);
  EXPECT_EQ(use.entries, static_cast<std::int64_t>(kDeepestFolder) + 1);
}

TEST_F(DiskCountTest, AFolderThatItsOwnerMayNotReadHidesNothing) {
  std::filesystem::create_directories(root() / "closed");
  Write(root() / "closed" / "file", 2 * kMiB);
  for (const mode_t mode : {0000U, 0100U, 0400U}) {
    ASSERT_EQ(::chmod((root() / "closed").c_str(), mode), 0);
    EXPECT_GE(Use().bytes, 2 * kMiB) << mode;
    struct stat after {};
    ASSERT_EQ(::stat((root() / "closed").c_str(), &after), 0);
    EXPECT_EQ(after.st_mode & 07777, mode);
  }
  ::chmod((root() / "closed").c_str(), 0700);
}

TEST_F(DiskCountTest, GoesOnWhenWhatItLooksAtVanishes) {
  for (int i = 0; i < 50; ++i) {
    std::filesystem::create_directories(root() / std::to_string(i) / "inner");
  }
  DiskCount count({root()});
  ASSERT_TRUE(count.Step(5));
  for (int i = 0; i < 50; ++i) std::filesystem::remove_all(root() / std::to_string(i));
  while (count.Step(3)) {
  }
  EXPECT_GE(count.use().entries, 1);
}

}  // namespace
}  // namespace vm0::supervisor
