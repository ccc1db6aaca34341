// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "os/clock.h"

namespace vm0::os {

// Lets one coroutine wait until another part of the program has a word for it. A wake that comes
// while nobody waits is kept, so that looking for work and then waiting loses none. Must outlive
// the wait. Loop thread only.
class Wakeup {
 public:
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Ends the wait under way, or else the next one at once. The coroutine goes on later, not inside
  // of this call.
  void Wake();
  // Forgets a wake that was kept.
  void Clear() { woken_ = false; }
  // Until a wake or `deadline` (MonoTime::max(): none), or until the coroutine is cancelled.
  asio::awaitable<void> Wait(Clock& clock, MonoTime deadline);
  bool waiting() const { return sleeper_ != nullptr; }

 private:
  class Sleep;
  bool woken_ = false;
  asio::steady_timer* sleeper_ = nullptr;  // never expires; cancelled to go on
};

}  // namespace vm0::os
