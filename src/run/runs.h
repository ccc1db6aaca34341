// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "os/clock.h"
#include "run/queue.h"
#include "store/database.h"
#include "store/secret_box.h"

namespace vm0::run {

namespace asio = boost::asio;

// How often a runner may fail to start the supervisor of a run that says nothing of it.
inline constexpr int kDefaultMaxAttempts = 3;
inline constexpr int kMostAttempts = 10;
// The pause before the second attempt; each later one is twice as long, up to kLongestPause.
inline constexpr Seconds kFirstPause{1};
inline constexpr Seconds kLongestPause{60};
inline constexpr Seconds kTokenGrace{600};  // a run token's life after the end

// What a new run needs; the caller has checked it.
struct NewRun {
  std::string user_id;
  std::optional<ConfigId> agent_config_id;
  std::string agent_name;
  std::string provider;
  std::string dialect;
  std::string prompt;
  std::string spec;  // agent::RunSpec as JSON
  store::Secrets secrets;
  bool external = false;
  int max_attempts = kDefaultMaxAttempts;
  std::optional<std::string> idempotency_key;
  std::string request_hash;
};

// A runner gives back what it could not start.
struct Release {
  std::string machine;
  RunId run;
  int attempt = 0;
  std::string reason;  // for people
};

// A runner has found the directory of an attempt, which proves what the store may not know: it was
// put back to an older copy.
struct Adoption {
  std::string machine;
  RunId run;
  int attempt = 0;
  bool started = false;  // its supervisor was allowed to start the agent
};

struct Claimed {
  store::Run run;
  std::string token;  // the run token, in clear: its only appearance
};

// What a supervisor, a burier or an outsider says at the end.
struct Completion {
  store::RunStatus status = store::RunStatus::kFailed;
  std::optional<std::int64_t> last_sequence;  // absent (outsiders): what is stored
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<std::string> reason;
  std::optional<std::string> output;
  bool output_complete = true;
  std::int64_t execution_time_ms = 0;
  std::string hash;  // empty: computed from the store
  std::optional<std::string> error_code;
  std::optional<std::string> usage;  // JSON object
};

// Sees what becomes of runs, for metrics. Outlives the runs. Loop thread, after the commit.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnCreated() = 0;
  // Claimed for the first time, so long after it was created.
  virtual void OnClaimed(Micros waited) = 0;
  virtual void OnEnded(store::RunStatus status) = 0;
};

// The runs and their queue: every rule of docs/protocol.md 5 that changes a run's row. Each call is
// one transaction; the rows of the table are named in runs.cc. Loop thread only; owned by the
// server.
class Runs {
 public:
  // `changed` is called after each commit that changed a run's row (the feed wakes its readers).
  // What an earlier server had held back is in the queue at once. `observer` may be nullptr.
  Runs(store::Database& database, os::Clock& clock, const store::SecretBox& box,
       std::function<void(RunId)> changed, QueueLimits limits = {}, Observer* observer = nullptr);
  ~Runs();

  struct Created {
    store::Run run;
    bool repeated = false;  // the idempotency key was known: this is the run of then
  };
  // kIdempotencyMismatch when the key was used with another body; kTooManyRequests.
  asio::awaitable<Result<Created>> Create(NewRun request);

  // The run whose turn it is (run/queue.h), or nullopt when none came until the deadline.
  // `cancelled` ends the wait.
  asio::awaitable<Result<std::optional<Claimed>>> Claim(std::string machine, MonoTime deadline,
                                                        std::shared_ptr<bool> cancelled);
  // Wakes all who wait in Claim, so that they look at `cancelled`.
  void WakeClaims();
  // Puts a run that was claimed and never started back into the queue, after a pause, or ends it
  // when that was its last attempt. See rows Release….
  asio::awaitable<Result<store::Run>> GiveBack(Release release);

  // A new run token for an attempt that a directory proves; the run's row takes over what is newer
  // there. See rows Adopt….
  asio::awaitable<Result<std::string>> Adopt(Adoption adoption);

  // Permission to start the agent: the run's secrets.
  asio::awaitable<Result<store::Secrets>> Start(RunId run, int attempt);
  // Checks that `attempt` is the current one of a run that has not ended: for heartbeat and
  // control.
  static Status CheckAttempt(const store::Run& run, int attempt);
  // The gate of a supervisor's events (Feed::Append): CheckAttempt, and started (kConflict).
  static Status OpenForSupervisor(store::Stores& stores, RunId run, int attempt);
  // The gate of an outsider's events: pending → running at the first. kRunSupervised otherwise.
  static Status OpenForOutsider(store::Stores& stores, RunId run, WallTime now);
  // True when the run token of that attempt is good for nothing any more (401): kTokenGrace after
  // the end. The token of an older attempt is not void in this sense: all it gets is kSuperseded,
  // so that its supervisor learns why it must go.
  static bool TokenIsVoid(const store::Run& run, int attempt, WallTime now);

  // `attempt` absent: the owner of an external run.
  asio::awaitable<Result<store::Run>> Complete(RunId run, std::optional<int> attempt,
                                               Completion completion);
  // Stores the intent, or ends a run whose agent was never allowed to start. Any state is fine.
  asio::awaitable<Result<store::Run>> Cancel(RunId run);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vm0::run
