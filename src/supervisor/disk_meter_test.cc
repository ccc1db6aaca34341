// SPDX-License-Identifier: Apache-2.0
#include "supervisor/disk_meter.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <optional>

#include "supervisor/test_folder.h"

namespace vm0::supervisor {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

class DiskMeterTest : public ::testing::Test {
 protected:
  void Start(std::int64_t limit, std::int64_t files = 1'000'000) {
    DiskMeter::Task task{.folders = {folder_.path()},
                         .limit_bytes = limit,
                         .limit_files = files,
                         .exceeded = [this](std::string text) { told_ = std::move(text); }};
    meter_ = std::make_unique<DiskMeter>(loop_.get_executor(), clock_, std::move(task));
    asio::co_spawn(loop_, meter_->Run(), [this](std::exception_ptr) { ended_ = true; });
    Settle();
  }
  void Write(const std::string& name, std::size_t size) {
    std::ofstream(folder_.path() / name) << std::string(size, 'x');
  }
  void Settle() {
    loop_.restart();
    while (loop_.poll() > 0) {
    }
  }
  void Advance(Micros delay) {
    clock_.Advance(delay);
    Settle();
  }

  asio::io_context loop_{1};
  os::FakeClock clock_;
  TestFolder folder_;
  std::optional<std::string> told_;
  bool ended_ = false;
  std::unique_ptr<DiskMeter> meter_;
};

TEST_F(DiskMeterTest, TellsOnceThatTheLimitIsPassed) {
  Start(4 * kMiB);
  Write("a", 3 * kMiB);
  Advance(Seconds(1));
  EXPECT_EQ(told_, std::nullopt);
  Write("b", 2 * kMiB);
  Advance(Seconds(1));
  EXPECT_EQ(told_, "the run's files take more than the disk limit of 4 MiB");
  EXPECT_TRUE(ended_);
  EXPECT_GE(meter_->peak_bytes(), 5 * kMiB);
}

TEST_F(DiskMeterTest, TellsThatTheLimitOfFilesIsPassed) {
  Start(4 * kMiB, 3);
  Write("a", 1);
  Write("b", 1);
  Advance(Seconds(10));
  EXPECT_EQ(told_, std::nullopt);
  Write("c", 1);
  Write("d", 1);
  Advance(Seconds(10));
  EXPECT_EQ(told_, "the run has more than the limit of 3 files and folders");
}

TEST_F(DiskMeterTest, LooksMoreOftenNearTheLimit) {
  Start(100LL << 30);
  Write("a", 3 * kMiB);
  Advance(Millis(9900));
  EXPECT_LT(meter_->peak_bytes(), kMiB);
  Advance(Millis(100));
  EXPECT_GE(meter_->peak_bytes(), 3 * kMiB);
  meter_->Stop();
  Settle();
  Start(4 * kMiB);
  Write("b", 2 * kMiB);
  Advance(Millis(250));
  EXPECT_NE(told_, std::nullopt);
}

TEST_F(DiskMeterTest, TakesALastLookForThePeak) {
  Start(4 * kMiB);
  Write("a", 8 * kMiB);
  meter_->Stop();
  Settle();
  EXPECT_TRUE(ended_);
  EXPECT_GE(meter_->peak_bytes(), 8 * kMiB);
  EXPECT_EQ(told_, std::nullopt);  // there is nothing left to stop
}

}  // namespace
}  // namespace vm0::supervisor
