// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/time.h"
#include "os/random.h"

namespace vm0::cli {

// How long to pause between two polls: the first pause again after news, else half as long again
// each time, up to the longest; each up to a quarter shorter by chance, so that many do not come at
// once.
class PollPause {
 public:
  PollPause(Micros first, Micros longest) : first_(first), longest_(longest), next_(first) {}

  void Reset() { next_ = first_; }
  Micros Next() {
    const Micros pause = next_;
    next_ = std::min(next_ + next_ / 2, longest_);
    const auto chance = static_cast<unsigned char>(os::RandomBytes(1)[0]);
    return pause - pause * chance / 1024;
  }

 private:
  Micros first_;
  Micros longest_;
  Micros next_;
};

}  // namespace vm0::cli
