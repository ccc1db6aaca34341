// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "os/clock.h"

namespace vm0::os {

// A timer may hold a coroutine whose locals cancel other timers while they are destroyed.
FakeClock::~FakeClock() { auto last = std::move(timers_); }

Clock::TimerId FakeClock::At(MonoTime deadline, std::function<void()> action) {
  const TimerId id = next_id_++;
  timers_.emplace(std::pair(deadline, id), std::move(action));
  return id;
}

bool FakeClock::Cancel(TimerId id) {
  const auto found =
      std::ranges::find_if(timers_, [id](const auto& timer) { return timer.first.second == id; });
  if (found == timers_.end()) return false;
  const auto node = timers_.extract(found);
  return true;
}

void FakeClock::Advance(Micros delay) {
  const MonoTime target = now_ + delay;
  while (!timers_.empty() && timers_.begin()->first.first <= target) {
    auto node = timers_.extract(timers_.begin());
    const Micros step = std::max(Micros(0), node.key().first - now_);
    now_ += step;
    wall_ += step;
    node.mapped()();
  }
  wall_ += target - now_;
  now_ = target;
}

}  // namespace vm0::os
