// SPDX-License-Identifier: Apache-2.0
#include "cli/data_dir_watch.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

class DataDirWatchTest : public ::testing::Test {
 protected:
  DataDirWatchTest() {
    std::string name = (fs::temp_directory_path() / "vm0-watch-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    fs::create_directory(data_dir());
    lock_.emplace(std::move(os::FileLock::TryAcquire(data_dir() / "lock")).value().value());
    watch_.emplace(clock_, *lock_, data_dir(), [this] { ++losses_; });
  }
  ~DataDirWatchTest() override { fs::remove_all(top_); }
  fs::path data_dir() const { return top_ / "data"; }

  fs::path top_;
  os::FakeClock clock_;
  int losses_ = 0;
  std::optional<os::FileLock> lock_;
  std::optional<DataDirWatch> watch_;
};

TEST_F(DataDirWatchTest, SaysNothingOfADirectoryThatIsInItsPlace) {
  for (int i = 0; i < 100; ++i) clock_.Advance(DataDirWatch::kInterval);
  EXPECT_EQ(losses_, 0);
  fs::rename(data_dir(), top_ / "moved");
  fs::rename(top_ / "moved", data_dir());
  clock_.Advance(DataDirWatch::kInterval);
  EXPECT_EQ(losses_, 0) << "it is back";
}

TEST_F(DataDirWatchTest, NoticesOnceThatItWasMovedAway) {
  fs::rename(data_dir(), top_ / "moved");
  clock_.Advance(DataDirWatch::kInterval);
  EXPECT_EQ(losses_, 1);
  EXPECT_TRUE(watch_->is_lost());
  clock_.Advance(Seconds(600));
  EXPECT_EQ(losses_, 1);
}

TEST_F(DataDirWatchTest, TakesAnErrorOfTheFileSystemForNoLoss) {
  fs::rename(data_dir(), top_ / "moved");
  fs::create_symlink(data_dir(), data_dir());  // names itself: nobody can tell what is there
  clock_.Advance(DataDirWatch::kInterval);
  EXPECT_EQ(losses_, 0);
  fs::remove(data_dir());
  clock_.Advance(DataDirWatch::kInterval);
  EXPECT_EQ(losses_, 1);
}

TEST_F(DataDirWatchTest, NoticesThatAnotherOneIsThere) {
  fs::rename(data_dir(), top_ / "moved");
  fs::create_directory(data_dir());
  const auto other = os::FileLock::TryAcquire(data_dir() / "lock");
  ASSERT_TRUE(other && *other);
  clock_.Advance(DataDirWatch::kInterval);
  EXPECT_EQ(losses_, 1);
}

}  // namespace
}  // namespace vm0::cli
