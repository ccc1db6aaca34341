// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "base/result.h"
#include "os/clock.h"

namespace vm0::supervisor {

// What a supervisor or burier does when a message was not taken.
enum class Reaction {
  kRetry,       // backoff: the server is away, busy, or did not answer
  kRetryLater,  // again after 60 s: it says that we are wrong
  kResend,      // from Error::number on
  kHalve,       // the batch
  kConflict,    // it knows the run in another state than we do: perhaps not as started
  kRefused,     // it has other events, or wants none: the run ends as failed
  kGiveUp,      // nobody wants the run's messages (any more): kill the tree, exit
};

// What the rules ask of their owner.
struct Surroundings {
  // The token was refused: takes the newer one that there may be. False when nobody will ever have
  // one for us.
  std::function<bool()> renew_token = [] { return true; };
  // Nobody is reached: false when nobody can ever be again.
  std::function<bool()> server_may_return = [] { return true; };
};

// The one table of docs/protocol.md 4, "What a supervisor does with answers". Shared by all
// messages of a run, since they share the token.
class AnswerRules {
 public:
  // `clock` outlives the rules.
  explicit AnswerRules(const os::Clock& clock, Surroundings surroundings = {})
      : clock_(clock), surroundings_(std::move(surroundings)) {}

  Reaction React(const Error& error);
  void Accepted() { unauthorized_since_.reset(); }

 private:
  const os::Clock& clock_;
  const Surroundings surroundings_;
  std::optional<MonoTime> unauthorized_since_;
};

inline constexpr Seconds kRetryLater{60};

}  // namespace vm0::supervisor
