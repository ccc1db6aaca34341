// SPDX-License-Identifier: Apache-2.0
#include "os/pinned_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "os/file.h"

namespace vm0::os {
namespace {

namespace fs = std::filesystem;

class PinnedDirectoryTest : public ::testing::Test {
 protected:
  PinnedDirectoryTest() {
    std::string name = (fs::temp_directory_path() / "vm0-pinned-XXXXXX").string();
    top = ::mkdtemp(name.data());
    fs::create_directories(top / "a" / "b");
  }
  ~PinnedDirectoryTest() override { fs::remove_all(top); }
  fs::path top;
};

TEST_F(PinnedDirectoryTest, IsFoundWhereItWasMovedTo) {
  const auto pinned = PinnedDirectory::Open(top / "a" / "b");
  ASSERT_TRUE(pinned) << pinned.error().message;
  fs::rename(top / "a", top / "moved");
  EXPECT_FALSE(pinned->is_deleted());
  ASSERT_TRUE(WriteFileAtomic(pinned->path() / "file", "x"));
  EXPECT_EQ(ReadFile(top / "moved" / "b" / "file").value_or(""), "x");
}

TEST_F(PinnedDirectoryTest, KnowsThatItIsDeletedAlsoWhenAnotherHasItsName) {
  const auto pinned = PinnedDirectory::Open(top / "a" / "b");
  ASSERT_TRUE(pinned);
  fs::remove(top / "a" / "b");
  EXPECT_TRUE(pinned->is_deleted());
  fs::create_directory(top / "a" / "b");
  EXPECT_TRUE(pinned->is_deleted());
}

TEST_F(PinnedDirectoryTest, IsNotDeletedForBeingCalledSo) {
  fs::create_directory(top / "x (deleted)");
  const auto pinned = PinnedDirectory::Open(top / "x (deleted)");
  ASSERT_TRUE(pinned);
  EXPECT_FALSE(pinned->is_deleted());
}

TEST_F(PinnedDirectoryTest, SaysWhatIsNotThere) {
  const auto missing = PinnedDirectory::Open(top / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace vm0::os
