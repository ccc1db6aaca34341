// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>

#include "os/clock.h"
#include "os/file.h"

namespace vm0::cli {

// Notices that a server's data directory was moved away or deleted: <data-dir>/lock is not the file
// any more that the server has locked, so another server may serve there. Looks every 5 s.
// Decides nothing. Owned by ServerProcess; loop thread only.
class DataDirWatch {
 public:
  static constexpr Seconds kInterval{5};

  // `lost` is called at most once. All outlive this.
  DataDirWatch(os::Clock& clock, const os::FileLock& lock, std::filesystem::path data_dir,
               std::function<void()> lost);
  bool is_lost() const { return is_lost_; }

 private:
  void Arm();
  void Look();

  os::Clock& clock_;
  const os::FileLock& lock_;
  const std::filesystem::path lock_path_;
  std::function<void()> lost_;
  bool is_lost_ = false;
  os::Timer timer_;
};

}  // namespace vm0::cli
