// SPDX-License-Identifier: Apache-2.0
#include "egress/idle_watch.h"

namespace vm0::egress {

IdleWatch::IdleWatch(os::Clock& clock, Micros limit, std::function<void()> on_idle)
    : clock_(clock), limit_(limit), on_idle_(std::move(on_idle)), last_(clock.Now()) {
  Arm(last_ + limit_);
}

void IdleWatch::Arm(MonoTime deadline) {
  timer_ = os::Timer(clock_, deadline, [this] {
    const MonoTime next = last_ + limit_;
    if (next > clock_.Now()) return Arm(next);
    fired_ = true;
    on_idle_();
  });
}

}  // namespace vm0::egress
