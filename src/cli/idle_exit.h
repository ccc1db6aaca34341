// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "os/clock.h"

namespace vm0::cli {

// Ends an on-demand server that nobody needs. Looks once a minute.
class IdleExit {
 public:
  static constexpr Seconds kIdle{15 * 60};

  struct Facts {
    bool in_use = false;      // a live run, or a reader that waits
    MonoTime last_request{};  // of a user
  };
  // `facts` is asked at each look, `exit` called once. All outlive this.
  IdleExit(os::Clock& clock, std::function<Facts()> facts, std::function<void()> exit);
  ~IdleExit();
  IdleExit(const IdleExit&) = delete;
  IdleExit& operator=(const IdleExit&) = delete;

 private:
  void Arm();
  void Look();

  os::Clock& clock_;
  std::function<Facts()> facts_;
  std::function<void()> exit_;
  MonoTime last_use_;
  os::Clock::TimerId timer_ = 0;
};

}  // namespace vm0::cli
