// SPDX-License-Identifier: Apache-2.0
#include "cli/token_sweep.h"

#include "cli/server_log.h"

namespace vm0::cli {

TokenSweep::TokenSweep(os::Clock& clock, store::Database& database)
    : clock_(clock), database_(database) {
  Sweep();
}

TokenSweep::~TokenSweep() { clock_.Cancel(timer_); }

void TokenSweep::Sweep() {
  timer_ = clock_.After(std::chrono::hours(1), [this] { Sweep(); });
  const WallTime now = clock_.WallNow();
  // On doubt true: the removal tells.
  if (!database_.reader().runs.HasExpiredTokens(now).value_or(true)) return;
  database_.Submit([now](store::Stores& stores) { return stores.runs.RemoveExpiredTokens(now); },
                   [&clock = clock_](Status removed) {
                     if (!removed)
                       ServerLog(clock, "can't remove expired tokens: " + removed.error().message);
                   });
}

}  // namespace vm0::cli
