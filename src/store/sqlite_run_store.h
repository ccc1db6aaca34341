// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/row_cache.h"
#include "store/run_store.h"
#include "store/sqlite.h"

namespace vm0::store {

// Of QueuedUsers. Jumps from user to user: each step is one look into the index.
extern const std::string_view kQueuedUsersSql;

// RunStore on one SQLite connection, which outlives it. Same thread rule as the connection.
class SqliteRunStore final : public RunStore {
 public:
  // `version` outlives it. The writer's counts with it what it writes, the reader only looks.
  SqliteRunStore(SqliteConnection& connection, Version& version)
      : connection_(connection), version_(version) {}

  Result<Upserted> UpsertConfig(const AgentConfig& config) override;
  Result<std::optional<AgentConfig>> FindConfig(const std::string& user_id, ConfigId id) override;
  Result<std::optional<AgentConfig>> FindConfigByName(const std::string& user_id,
                                                      const std::string& name) override;

  Status InsertRun(const Run& run) override;
  Result<std::optional<Run>> FindRun(RunId id) override;
  Result<std::optional<Run>> FindRunByIdempotencyKey(const std::string& user_id,
                                                     const std::string& key) override;
  Result<std::vector<Run>> ListRuns(const RunFilter& filter) override;
  Result<std::vector<PruneCandidate>> ListPrunable(const PruneFilter& filter) override;
  Result<std::vector<QueuedUser>> QueuedUsers() override;
  Result<std::int64_t> CountQueued(const std::string& user_id) override;
  Result<std::vector<RunId>> QueuedRunsOf(const std::string& user_id) override;
  Status TakeTurn(const std::string& user_id) override;
  Result<bool> HasHeld() override;
  Status EndHolds() override;
  Result<std::vector<Run>> UnfinishedRunsOf(const std::string& machine) override;
  Result<std::int64_t> CountUnfinished() override;
  Result<LiveRuns> CountLive() override;
  Result<std::int64_t> CountUnfinishedOf(const std::string& user_id, std::int64_t most) override;
  Status UpdateRun(const Run& run) override;

  Status InsertToken(const Token& token) override;
  Result<std::optional<Token>> FindToken(const std::string& hash) override;
  Result<std::vector<Token>> ListTokens(const std::string& user_id) override;
  Result<bool> RemoveToken(const std::string& user_id, TokenId id) override;
  Status ExpireRunTokens(RunId run, WallTime when) override;
  Result<bool> HasExpiredTokens(WallTime now) override;
  Status RemoveExpiredTokens(WallTime now) override;

  Status PutSecret(const StoredSecret& secret) override;
  Result<std::optional<StoredSecret>> FindSecret(const std::string& user_id,
                                                 const std::string& name) override;
  Result<std::vector<StoredSecret>> ListSecrets(const std::string& user_id) override;
  Result<bool> RemoveSecret(const std::string& user_id, const std::string& name) override;

 private:
  // Every statement that writes is made here.
  SqliteQuery Write(std::string_view sql);

  SqliteConnection& connection_;
  Version& version_;
  RowCache<RunId, Run> runs_{version_};
  RowCache<std::string, Token> tokens_{version_};
};

}  // namespace vm0::store
