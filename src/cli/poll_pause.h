// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.h"

namespace vm0::cli {

// How long to pause between two polls: the first pause again after news, else half as long again
// each time, up to the longest.
class PollPause {
 public:
  PollPause(Micros first, Micros longest) : first_(first), longest_(longest), next_(first) {}

  void Reset() { next_ = first_; }
  Micros Next() {
    const Micros pause = next_;
    next_ = next_ + next_ / 2 < longest_ ? next_ + next_ / 2 : longest_;
    return pause;
  }

 private:
  Micros first_;
  Micros longest_;
  Micros next_;
};

}  // namespace vm0::cli
