// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "os/clock.h"

namespace vm0::supervisor {

// Short lines for people, with the time: supervisor.log. Callers keep prompts, secrets and output
// out of it.
class Log {
 public:
  // Both outlive the log.
  Log(const os::Clock& clock, int fd) : clock_(clock), fd_(fd) {}
  void Write(std::string_view text);

 private:
  const os::Clock& clock_;
  int fd_;
};

}  // namespace vm0::supervisor
