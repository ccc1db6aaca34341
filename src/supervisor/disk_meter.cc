// SPDX-License-Identifier: Apache-2.0
#include "supervisor/disk_meter.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "agent/limits.h"

namespace vm0::supervisor {
namespace {

constexpr int kSlice = 1000;  // entries; about a millisecond
constexpr Micros kShortest = Millis(250);
constexpr Micros kLongest = Seconds(10);
constexpr int kShare = 20;  // a look takes at most a twentieth of the time, …
// … but an agent that makes looks slow does not escape them.
// How fast a disk can be filled.
constexpr std::int64_t kBytesPerMilli = 500'000;
constexpr std::int64_t kEntriesPerMilli = 50;

}  // namespace

DiskMeter::DiskMeter(asio::any_io_executor executor, os::Clock& clock, Task task)
    : executor_(executor), clock_(clock), task_(std::move(task)), stop_changed_(executor) {}

asio::awaitable<void> DiskMeter::Run() {
  for (bool last = false; !last;) {
    last = stopped_;
    const MonoTime start = clock_.Now();
    const DiskUse use = co_await Look();
    peak_ = std::max(peak_, use.bytes);
    if (last) co_return;
    if (std::string passed = Passed(use); !passed.empty()) {
      task_.exceeded(std::move(passed));
      co_return;
    }
    const auto look = std::chrono::duration_cast<Micros>(clock_.Now() - start);
    const MonoTime next = clock_.Now() + PauseAfter(use, look);
    while (!stopped_ && clock_.Now() < next) co_await stop_changed_.WaitUntil(clock_, next);
  }
}

void DiskMeter::Stop() {
  stopped_ = true;
  stop_changed_.Notify();
}

// What is counted so far is enough once it passes the limit.
asio::awaitable<DiskUse> DiskMeter::Look() {
  DiskCount count(task_.folders);
  while (count.Step(kSlice) && Passed(count.use()).empty()) {
    co_await asio::post(executor_, asio::use_awaitable);
  }
  co_return count.use();
}

std::string DiskMeter::Passed(const DiskUse& use) const {
  if (use.bytes > task_.limit_bytes) {
    return "the run's files take more than the disk limit of " +
           agent::FormatLimit(task_.limit_bytes);
  }
  if (use.entries > task_.limit_files) {
    return "the run has more than the limit of " + std::to_string(task_.limit_files) +
           " files and folders";
  }
  if (use.too_deep) {
    return "the run has folders nested deeper than the limit of " + std::to_string(kDeepestFolder);
  }
  return "";
}

Micros DiskMeter::PauseAfter(const DiskUse& use, Micros look) const {
  const Millis by_bytes((task_.limit_bytes - use.bytes) / kBytesPerMilli);
  const Millis by_entries((task_.limit_files - use.entries) / kEntriesPerMilli);
  const Micros soon = std::clamp<Micros>(std::min(by_bytes, by_entries), kShortest, kLongest);
  return std::max(soon, std::min(look * kShare, kLongest));
}

}  // namespace vm0::supervisor
