// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "os/clock.h"

namespace vm0::os {

// What is to happen when, for the clocks of real processes. Passive: somebody else tells it the
// time.
class TimerQueue {
 public:
  ~TimerQueue();
  Clock::TimerId Add(MonoTime deadline, std::function<void()> action);
  bool Cancel(Clock::TimerId id);
  // The earliest deadline.
  std::optional<MonoTime> next() const;
  // Runs what is due at `now`, in order of deadlines, except what is added meanwhile.
  void Run(MonoTime now);

 private:
  using Key = std::pair<MonoTime, Clock::TimerId>;
  std::map<Key, std::function<void()>> timers_;
  std::unordered_map<Clock::TimerId, MonoTime> deadlines_;
  Clock::TimerId next_id_ = 1;
};

}  // namespace vm0::os
