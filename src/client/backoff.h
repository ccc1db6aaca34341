// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.h"

namespace vm0::client {

// How long to wait before a server is asked again that did not answer: 50 ms, twice as much each
// time, at most 30 s; each up to a half shorter by chance, so that many do not come at once.
class Backoff {
 public:
  static constexpr Micros kFirst = Millis(50);
  static constexpr Micros kMost = Seconds(30);

  Micros Next();
  void Reset() { next_ = kFirst; }

 private:
  Micros next_ = kFirst;
};

}  // namespace vm0::client
