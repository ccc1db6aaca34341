// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "os/clock.h"
#include "supervisor/masker.h"

namespace vm0::supervisor {

// Short lines for people, with the time: supervisor.log. Callers keep prompts, secrets and output
// out of it; what an error message may quote is masked.
class Log {
 public:
  // Both outlive the log.
  Log(const os::Clock& clock, int fd) : clock_(clock), fd_(fd) {}
  void Write(std::string_view text);
  // From now on; it is kept by the caller until the next call. nullptr: nothing is masked.
  void MaskWith(const Masker* masker) { masker_ = masker; }

 private:
  const os::Clock& clock_;
  int fd_;
  const Masker* masker_ = nullptr;
};

}  // namespace vm0::supervisor
