// SPDX-License-Identifier: Apache-2.0
#include "os/timer_queue.h"

namespace vm0::os {

// A timer may hold a coroutine whose locals cancel other timers while they are destroyed.
TimerQueue::~TimerQueue() { auto last = std::move(timers_); }

Clock::TimerId TimerQueue::Add(MonoTime deadline, std::function<void()> action) {
  const Clock::TimerId id = next_id_++;
  timers_.emplace(Key(deadline, id), std::move(action));
  deadlines_.emplace(id, deadline);
  return id;
}

bool TimerQueue::Cancel(Clock::TimerId id) {
  const auto found = deadlines_.find(id);
  if (found == deadlines_.end()) return false;
  // Destroyed at the end, when both maps are whole again.
  const auto node = timers_.extract(Key(found->second, id));
  deadlines_.erase(found);
  return true;
}

std::optional<MonoTime> TimerQueue::next() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

void TimerQueue::Run(MonoTime now) {
  // Timers of now on wait for the next call, or one that sets itself again would hold the loop.
  const Clock::TimerId first_new = next_id_;
  auto next = timers_.begin();
  while (next != timers_.end() && next->first.first <= now) {
    const Key key = next->first;
    if (key.second < first_new) {
      auto node = timers_.extract(next);
      deadlines_.erase(key.second);
      node.mapped()();
    }
    next = timers_.upper_bound(key);
  }
}

}  // namespace vm0::os
