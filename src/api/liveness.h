// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "api/api.h"
#include "os/clock.h"
#include "store/types.h"

namespace vm0::api {

// Without a message for so long, a supervisor counts as not heard of: it sends one each 10 s, and a
// while after an outage of the server.
inline constexpr Seconds kUnheardAfter{60};

// When the supervisors of live runs were last heard of: what tells a silent agent from a dead one.
// Kept in memory alone, so a new server knows nothing at first. Loop thread only.
class Liveness {
 public:
  // `clock` outlives it.
  explicit Liveness(const os::Clock& clock) : clock_(clock), since_(clock.Now()) {}

  // Any message of a run's current attempt.
  void Heard(RunId run);
  // A heartbeat: for how long the disk of its spool has been full; zero when it is not.
  void WaitsForDisk(RunId run, Seconds waited);
  // The same, before its agent has started: what it waits for; empty for nothing.
  void Prepares(RunId run, std::string what);
  // The same: how many events of its spool were not stored then.
  void IsBehind(RunId run, std::int64_t events);
  // It has ended.
  void Forget(RunId run) { signs_.erase(run); }

  Supervisors Count() const;
  // The run's `activity` (docs/api.md), JSON; nullopt for a run whose agent neither
  // runs nor is prepared for, as far as we were told.
  // `last_event_at`: of its last event, if it has any.
  std::optional<std::string> Describe(const store::Run& run,
                                      std::optional<WallTime> last_event_at) const;

 private:
  struct Sign {
    MonoTime heard{};
    WallTime heard_at{};
    Seconds waited{};
    std::int64_t behind = 0;
    std::string preparing;
  };

  const os::Clock& clock_;
  const MonoTime since_;
  std::unordered_map<RunId, Sign> signs_;
};

}  // namespace vm0::api
