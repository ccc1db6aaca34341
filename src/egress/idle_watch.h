// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "os/clock.h"

namespace vm0::egress {

// Calls `on_idle`, once, when it was not touched for that long.
class IdleWatch {
 public:
  IdleWatch(os::Clock& clock, Micros limit, std::function<void()> on_idle);
  IdleWatch(const IdleWatch&) = delete;
  IdleWatch& operator=(const IdleWatch&) = delete;

  void Touch() { last_ = clock_.Now(); }
  bool fired() const { return fired_; }

 private:
  void Arm(MonoTime deadline);

  os::Clock& clock_;
  Micros limit_;
  std::function<void()> on_idle_;
  MonoTime last_;
  bool fired_ = false;
  os::Timer timer_;
};

}  // namespace vm0::egress
