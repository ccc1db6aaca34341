// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "os/clock.h"
#include "store/database.h"

namespace vm0::cli {

// Keeps expired tokens from piling up in the store: removes them when made, and each hour. Loop
// thread only.
class TokenSweep {
 public:
  // Both outlive this.
  TokenSweep(os::Clock& clock, store::Database& database);
  ~TokenSweep();
  TokenSweep(const TokenSweep&) = delete;
  TokenSweep& operator=(const TokenSweep&) = delete;

 private:
  void Sweep();

  os::Clock& clock_;
  store::Database& database_;
  os::Clock::TimerId timer_ = 0;
};

}  // namespace vm0::cli
