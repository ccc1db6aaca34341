// SPDX-License-Identifier: Apache-2.0
#include "cli/data_dir_watch.h"

#include <utility>

namespace vm0::cli {

DataDirWatch::DataDirWatch(os::Clock& clock, const os::FileLock& lock,
                           std::filesystem::path data_dir, std::function<void()> lost)
    : clock_(clock), lock_(lock), lock_path_(data_dir / "lock"), lost_(std::move(lost)) {
  Arm();
}

void DataDirWatch::Arm() {
  timer_ = os::Timer(clock_, clock_.Now() + kInterval, [this] { Look(); });
}

void DataDirWatch::Look() {
  if (lock_.IsAt(lock_path_)) {
    Arm();
    return;
  }
  is_lost_ = true;
  lost_();
}

}  // namespace vm0::cli
