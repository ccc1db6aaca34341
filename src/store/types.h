// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/time.h"

// The rows of the store as values.
namespace vm0::store {

enum class RunStatus { kPending, kRunning, kCompleted, kFailed, kTimeout, kCancelled };
std::string_view NameOf(RunStatus status);
std::optional<RunStatus> FindRunStatus(std::string_view name);
// True for completed, failed, timeout, cancelled.
bool IsTerminal(RunStatus status);

struct AgentConfig {
  ConfigId id;
  std::string user_id;
  std::string name;    // unique per user
  std::string config;  // JSON as it was sent
  WallTime created_at{};
  WallTime updated_at{};
};

struct Run {
  RunId id;
  std::string user_id;
  std::optional<ConfigId> agent_config_id;  // absent for a built-in agent
  std::string agent_name;                   // the config's name, or the adapter's
  std::string provider;
  std::string dialect;
  RunStatus status = RunStatus::kPending;
  std::string prompt;
  std::string spec;       // agent::RunSpec as JSON
  std::string secrets;    // secretbox; empty when there are none or the run has ended
  bool external = false;  // fed by its owner, claimed by nobody
  std::string machine;    // who claimed it; empty before
  int attempt = 0;
  bool started = false;                     // the current attempt was allowed to start the agent
  int max_attempts = 3;                     // it fails when so many have been given back
  bool held = false;                        // pending, and not in the queue until a pause is over
  std::optional<std::string> last_failure;  // why the last attempt was given back
  std::optional<WallTime> cancel_requested_at;
  WallTime created_at{};
  std::optional<WallTime> started_at;
  std::optional<WallTime> completed_at;
  std::optional<std::string> error;            // set by the end
  std::optional<std::string> error_code;       // a name of base/error.h, set by the end
  std::optional<std::string> result;           // JSON object, set by the end
  std::optional<std::string> usage;            // JSON object as in `complete`, set by the end
  std::optional<std::string> idempotency_key;  // unique per user
  std::string request_hash;                    // of the body that came with the key
};

// Who computed the hash of an end: who held the run's spool, or the server from what it had stored.
enum class HashedBy { kSupervisor, kServer };
std::string_view NameOf(HashedBy who);
std::optional<HashedBy> FindHashedBy(std::string_view name);

// How a run ended: written once, together with the run's terminal status.
struct RunEnd {
  RunId run_id;
  RunStatus status = RunStatus::kFailed;
  std::int64_t last_sequence = 0;  // N: exactly 1..N are stored
  std::string hash;                // hex, ChainHash over the records
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<std::string> reason;
  bool output_complete = true;
  WallTime created_at{};
  std::optional<HashedBy> hashed_by;  // absent of ends that an older vm0 wrote

  bool operator==(const RunEnd&) const = default;
};

// What was removed of the events of a run that has ended (`vm0 prune`): 1..to.
struct Pruned {
  std::int64_t to = 0;
  std::optional<WallTime> at;  // since when none is left

  bool any() const { return to > 0 || at.has_value(); }
  bool operator==(const Pruned&) const = default;
};

struct Token {
  enum class Kind { kAdmin, kUser, kRun };
  TokenId id;
  Kind kind = Kind::kUser;
  std::string hash;  // BLAKE2b-256 of the token; the token itself is stored nowhere
  std::string user_id;
  std::string name;         // for people
  bool host_scope = false;  // may use what reaches the host (docs/protocol.md; design: scope host)
  std::optional<RunId> run_id;  // kRun
  int attempt = 0;              // kRun
  WallTime created_at{};
  std::optional<WallTime> expires_at;
};

// A user with runs in the queue.
struct QueuedUser {
  std::string user_id;
  std::int64_t running = 0;  // his runs that have been claimed and have not ended
  std::int64_t turn = 0;     // grows with each claim, of whomever; 0: never had one
  RunId oldest;              // of his runs in the queue
  WallTime oldest_created_at{};
};

// A secret that a user keeps for his runs.
struct StoredSecret {
  std::string user_id;
  std::string name;    // unique per user
  std::string sealed;  // secretbox of {name: value}
  WallTime updated_at{};
};

}  // namespace vm0::store
