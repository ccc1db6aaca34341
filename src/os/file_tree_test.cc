// SPDX-License-Identifier: Apache-2.0
#include "os/file_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/test_directory.h"

namespace vm0::os {
namespace {

uid_t OwnerOf(const std::filesystem::path& path) {
  struct stat found {};
  EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
  return found.st_uid;
}

TEST(RemoveTree, RemovesClosedDirectoriesAndLeavesWhatLinksLeadTo) {
  const TestDirectory directory;
  const auto root = directory.path() / "root";
  ASSERT_TRUE(MakeDirs(root / "closed" / "inner"));
  WriteText(root / "closed" / "inner" / "file", "x");
  WriteText(directory.path() / "kept", "x");
  std::filesystem::create_symlink("../kept", root / "link");
  std::filesystem::create_directory_symlink("..", root / "up");
  ::chmod((root / "closed" / "inner").c_str(), 0);
  ::chmod((root / "closed").c_str(), 0555);
  const auto removed = RemoveTree(root);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(std::filesystem::exists(root));
  EXPECT_EQ(ReadText(directory.path() / "kept"), "x");
}

TEST(RemoveTree, TakesOneDescriptorWhateverTheDepth) {
  const TestDirectory directory;
  const auto root = directory.path() / "root";
  ASSERT_TRUE(MakeDirs(root));
  // Deeper than any path can name.
  Fd at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string name(100, 'd');
  for (int level = 0; level < 3000; ++level) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at = Fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  at.Close();
  const auto removed = RemoveTree(root);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(std::filesystem::exists(root));
}

TEST(RemoveTree, AbsentIsFineAndFilesToo) {
  const TestDirectory directory;
  EXPECT_TRUE(RemoveTree(directory.path() / "nothing"));
  WriteText(directory.path() / "file", "x");
  EXPECT_TRUE(RemoveTree(directory.path() / "file"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "file"));
}

TEST(ChownTree, GivesLinksThemselvesAndNotWhatTheyLeadTo) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may";
  const TestDirectory directory;
  const auto root = directory.path() / "root";
  ASSERT_TRUE(MakeDirs(root / "folder"));
  WriteText(root / "folder" / "file", "x");
  WriteText(directory.path() / "outside", "x");
  std::filesystem::create_symlink("../outside", root / "link");
  ChownOptions options;
  options.uid = options.gid = 76150;
  ASSERT_TRUE(ChownTree(root, options));
  EXPECT_EQ(OwnerOf(root), 76150u);
  EXPECT_EQ(OwnerOf(root / "folder"), 76150u);
  EXPECT_EQ(OwnerOf(root / "folder" / "file"), 76150u);
  EXPECT_EQ(OwnerOf(root / "link"), 76150u);
  EXPECT_EQ(OwnerOf(directory.path() / "outside"), 0u);
}

TEST(ChownTree, TakesBackOnlyWhatBelongsToTheRun) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may";
  const TestDirectory directory;
  const auto root = directory.path() / "root";
  ASSERT_TRUE(MakeDirs(root));
  WriteText(root / "agent", "x");
  WriteText(root / "other", "x");
  ASSERT_EQ(::lchown((root / "agent").c_str(), 76150, 76150), 0);
  ASSERT_EQ(::lchown((root / "other").c_str(), 76151, 76151), 0);
  ChownOptions options;
  options.only_from = 76150;
  ASSERT_TRUE(ChownTree(root, options));
  EXPECT_EQ(OwnerOf(root / "agent"), 0u);
  EXPECT_EQ(OwnerOf(root / "other"), 76151u);
}

}  // namespace
}  // namespace vm0::os
