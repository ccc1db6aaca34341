// SPDX-License-Identifier: Apache-2.0
#include "client/backoff.h"

#include <algorithm>

#include "os/random.h"

namespace vm0::client {

Micros Backoff::Next() {
  const Micros longest = next_;
  next_ = std::min(next_ * 2, kMost);
  const auto chance = static_cast<unsigned char>(os::RandomBytes(1)[0]);
  return longest - longest * chance / 512;
}

}  // namespace vm0::client
