// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace vm0::store {

struct RunFilter {
  std::string user_id;              // empty: everybody's
  std::vector<RunStatus> statuses;  // empty: all
  std::string agent_name;           // empty: all
  std::optional<WallTime> created_since;
  std::optional<WallTime> created_until;
  std::optional<RunId> before;  // only runs that are listed after this one
  int limit = 50;
};

// How many runs have not ended.
struct LiveRuns {
  std::int64_t queued = 0;
  std::int64_t held = 0;
  std::int64_t running = 0;   // claimed
  std::int64_t external = 0;  // pending or running in sandboxes of their owners
};

// Which runs are pruned.
struct PruneFilter {
  std::string user_id;  // empty: everybody's
  WallTime ended_before{};
  int keep = 0;               // not each user's newest so many, however long ago they ended
  std::optional<RunId> from;  // this one first, and those that ended after it
  int limit = 200;            // runs that are looked at
};

// A run that was looked at.
struct PruneCandidate {
  RunId run;
  bool is_wanted = false;  // by user and `keep`
};

// Configs, runs, the queue, users, tokens, secrets. One object is one connection: the reader's sees
// what is committed, the writer's is used inside Writer work only. Not thread-safe. Errors are kIo
// unless said otherwise.
class RunStore {
 public:
  virtual ~RunStore() = default;

  // Inserts, or replaces the config of (user, name). The row as it is then; `created` says which.
  struct Upserted {
    AgentConfig config;
    bool created = false;
  };
  virtual Result<Upserted> UpsertConfig(const AgentConfig& config) = 0;
  virtual Result<std::optional<AgentConfig>> FindConfig(const std::string& user_id,
                                                        ConfigId id) = 0;
  virtual Result<std::optional<AgentConfig>> FindConfigByName(const std::string& user_id,
                                                              const std::string& name) = 0;

  // kConflict when (user, idempotency key) is there already.
  virtual Status InsertRun(const Run& run) = 0;
  virtual Result<std::optional<Run>> FindRun(RunId id) = 0;
  virtual Result<std::optional<Run>> FindRunByIdempotencyKey(const std::string& user_id,
                                                             const std::string& key) = 0;
  // Newest first.
  virtual Result<std::vector<Run>> ListRuns(const RunFilter& filter) = 0;

  // Runs that ended before a time and have something left that can be pruned, as they ended. Costs
  // as much as are looked at, wanted or not.
  virtual Result<std::vector<PruneCandidate>> ListPrunable(const PruneFilter& filter) = 0;

  // The queue: pending runs that a runner may claim, so neither external nor held.
  // Costs as much as there are such users, however many runs each has.
  virtual Result<std::vector<QueuedUser>> QueuedUsers() = 0;
  virtual Result<std::int64_t> CountQueued(const std::string& user_id) = 0;
  // Oldest first.
  virtual Result<std::vector<RunId>> QueuedRunsOf(const std::string& user_id) = 0;
  // Notes that this user has just had his turn.
  virtual Status TakeTurn(const std::string& user_id) = 0;
  virtual Result<bool> HasHeld() = 0;
  // Puts all held runs into the queue.
  virtual Status EndHolds() = 0;

  // Runs that `machine` claimed and that have not ended, oldest first.
  virtual Result<std::vector<Run>> UnfinishedRunsOf(const std::string& machine) = 0;
  virtual Result<std::int64_t> CountUnfinished() = 0;
  // The same by what they wait for.
  virtual Result<LiveRuns> CountLive() = 0;
  // Of one user, external ones too; counts no further than `most`.
  virtual Result<std::int64_t> CountUnfinishedOf(const std::string& user_id, std::int64_t most) = 0;
  // Writes every field that can change after the insert.
  virtual Status UpdateRun(const Run& run) = 0;

  virtual Status InsertToken(const Token& token) = 0;
  virtual Result<std::optional<Token>> FindToken(const std::string& hash) = 0;
  // Without run tokens; of all users when `user_id` is empty.
  virtual Result<std::vector<Token>> ListTokens(const std::string& user_id) = 0;
  // False if there was none. Removes by id, of any user when `user_id` is empty.
  virtual Result<bool> RemoveToken(const std::string& user_id, TokenId id) = 0;
  // Lets all tokens of a run expire at `when`.
  virtual Status ExpireRunTokens(RunId run, WallTime when) = 0;
  virtual Result<bool> HasExpiredTokens(WallTime now) = 0;
  // Removes tokens that expired before `now`.
  virtual Status RemoveExpiredTokens(WallTime now) = 0;

  // Inserts, or replaces the secret of (user, name).
  virtual Status PutSecret(const StoredSecret& secret) = 0;
  virtual Result<std::optional<StoredSecret>> FindSecret(const std::string& user_id,
                                                         const std::string& name) = 0;
  // By name, without what is sealed.
  virtual Result<std::vector<StoredSecret>> ListSecrets(const std::string& user_id) = 0;
  // False if there was none.
  virtual Result<bool> RemoveSecret(const std::string& user_id, const std::string& name) = 0;
};

}  // namespace vm0::store
