// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  kRefused,     // a conflict: the run ends as failed
  kGiveUp,      // ended, superseded, or unauthorized for 10 minutes: kill the tree, exit
};

// The one table of docs/protocol.md 4, "What a supervisor does with answers". Shared by all
// messages of a run, since they share the token.
class AnswerRules {
 public:
  // `clock` outlives the rules.
  explicit AnswerRules(const os::Clock& clock) : clock_(clock) {}

  Reaction React(const Error& error);
  void Accepted() { unauthorized_since_.reset(); }

 private:
  const os::Clock& clock_;
  std::optional<MonoTime> unauthorized_since_;
};

inline constexpr Seconds kRetryLater{60};

}  // namespace vm0::supervisor
