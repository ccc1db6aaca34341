// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "run/runs.h"

// The rows of docs/protocol.md 5 that change a run, each as one function inside of one transaction.
// They know no clock, no loop and no feed. An error means that nothing is to be stored.
namespace vm0::run {

struct NewRow {
  store::Run run;
  bool repeated = false;
};
// Inserts `run`, unless its idempotency key is known. CreateOverLimit.
Result<NewRow> InsertOnce(store::Stores& stores, const store::Run& run, const QueueLimits& limits);

// ClaimPending, ClaimFair; nullopt: ClaimNothing, ClaimUserFull, ClaimBackoff.
Result<std::optional<Claimed>> ClaimNext(store::Stores& stores, const std::string& machine,
                                         const QueueLimits& limits, WallTime now);

// StartAllowed, StartRepeated, StartSuperseded, StartEnded; nullopt: the run has been ended, since
// its secrets can not be read.
Result<std::optional<store::Secrets>> StartRun(store::Stores& stores, RunId id, int attempt,
                                               const store::SecretBox& box, WallTime now);

// A run's row after a message, and whether the message changed it.
struct Outcome {
  store::Run run;
  bool changed = false;
};
// The rows Release….
Result<Outcome> ReleaseRun(store::Stores& stores, const Release& release, WallTime now);
// The rows Adopt….
Result<Claimed> AdoptRun(store::Stores& stores, const Adoption& adoption, WallTime now);
// A pause after a Release is over: the run is in the queue again, unless it was cancelled.
Status EndHold(store::Stores& stores, RunId id);
// The rows Complete….
Result<Outcome> CompleteRun(store::Stores& stores, RunId id, std::optional<int> attempt,
                            const Completion& completion, WallTime now);
// The rows Cancel….
Result<Outcome> CancelRun(store::Stores& stores, RunId id, WallTime now);

}  // namespace vm0::run
