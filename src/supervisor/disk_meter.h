// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "os/clock.h"
#include "os/condition.h"
#include "supervisor/disk_count.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Looks again and again at what a run's folders take up, in slices between which the loop does
// other things: the more often the less is left to the limits, but never for more than a twentieth
// of the time, as long as a look takes less than half a second. Loop thread only.
class DiskMeter {
 public:
  struct Task {
    std::vector<std::filesystem::path> folders;
    std::int64_t limit_bytes = 0;
    std::int64_t limit_files = 0;  // folders count, too
    // Called once, with the limit that is passed as people say it.
    std::function<void(std::string)> exceeded;
  };
  DiskMeter(asio::any_io_executor executor, os::Clock& clock, Task task);

  // Until Stop, or until the limit is passed; after Stop takes a last look, for the peak. Once.
  asio::awaitable<void> Run();
  void Stop();
  std::int64_t peak_bytes() const { return peak_; }

 private:
  asio::awaitable<DiskUse> Look();
  std::string Passed(const DiskUse& use) const;
  Micros PauseAfter(const DiskUse& use, Micros look) const;

  asio::any_io_executor executor_;
  os::Clock& clock_;
  Task task_;
  os::Condition stop_changed_;
  std::int64_t peak_ = 0;
  bool stopped_ = false;
};

}  // namespace vm0::supervisor
