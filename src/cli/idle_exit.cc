// SPDX-License-Identifier: Apache-2.0
#include "cli/idle_exit.h"

#include <algorithm>
#include <utility>

namespace vm0::cli {

IdleExit::IdleExit(os::Clock& clock, std::function<Facts()> facts, std::function<void()> exit)
    : clock_(clock), facts_(std::move(facts)), exit_(std::move(exit)), last_use_(clock.Now()) {
  Arm();
}

IdleExit::~IdleExit() { clock_.Cancel(timer_); }

void IdleExit::Arm() {
  timer_ = clock_.After(Seconds(60), [this] { Look(); });
}

void IdleExit::Look() {
  const Facts facts = facts_();
  last_use_ = std::max(last_use_, facts.in_use ? clock_.Now() : facts.last_request);
  if (clock_.Now() - last_use_ >= kIdle)
    exit_();
  else
    Arm();
}

}  // namespace vm0::cli
