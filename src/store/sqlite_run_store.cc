// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_run_store.h"

#include <array>
#include <cassert>
#include <set>

namespace vm0::store {
namespace {

// In the order of ReadRun and InsertRun.
#define VM0_RUN_COLUMNS                                                                          \
  "id, user_id, agent_config_id, agent_name, provider, dialect, status, prompt, spec, secrets, " \
  "external, machine, attempt, started, cancel_requested_at, created_at, started_at, "           \
  "completed_at, error, result, idempotency_key, request_hash, error_code, usage, "              \
  "max_attempts, held, last_failure"
#define VM0_SELECT_RUN "SELECT " VM0_RUN_COLUMNS " FROM runs "

Result<Run> ReadRun(const SqliteQuery& row) {
  Run run;
  VM0_ASSIGN(run.id.uuid, row.UuidAt(0));
  run.user_id = row.Text(1);
  if (!row.IsNull(2)) {
    VM0_ASSIGN(const Uuid config, row.UuidAt(2));
    run.agent_config_id = ConfigId{config};
  }
  run.agent_name = row.Text(3);
  run.provider = row.Text(4);
  run.dialect = row.Text(5);
  const auto status = FindRunStatus(row.View(6));
  if (!status)
    return Fail(Code::kIo, "run " + run.id.ToString() + ": unknown status in the database");
  run.status = *status;
  run.prompt = row.Text(7);
  run.spec = row.Text(8);
  run.secrets = row.Text(9);
  run.external = row.Int(10) != 0;
  run.machine = row.Text(11);
  run.attempt = static_cast<int>(row.Int(12));
  run.started = row.Int(13) != 0;
  run.cancel_requested_at = row.OptionalTime(14);
  run.created_at = row.Time(15);
  run.started_at = row.OptionalTime(16);
  run.completed_at = row.OptionalTime(17);
  run.error = row.OptionalText(18);
  run.result = row.OptionalText(19);
  run.idempotency_key = row.OptionalText(20);
  run.request_hash = row.Text(21);
  run.error_code = row.OptionalText(22);
  run.usage = row.OptionalText(23);
  run.max_attempts = static_cast<int>(row.Int(24));
  run.held = row.Int(25) != 0;
  run.last_failure = row.OptionalText(26);
  return run;
}

Result<std::optional<Run>> ReadOneRun(SqliteQuery& query) {
  VM0_ASSIGN(const bool there, query.Step());
  if (!there) return std::nullopt;
  return ReadRun(query);
}

Result<std::vector<Run>> ReadRuns(SqliteQuery& query) {
  std::vector<Run> runs;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return runs;
    VM0_ASSIGN(Run run, ReadRun(query));
    runs.push_back(std::move(run));
  }
}

#define VM0_SELECT_CONFIG \
  "SELECT id, user_id, name, config, created_at, updated_at FROM agent_configs "

Result<std::optional<AgentConfig>> ReadOneConfig(SqliteQuery& row) {
  VM0_ASSIGN(const bool there, row.Step());
  if (!there) return std::nullopt;
  AgentConfig config;
  VM0_ASSIGN(config.id.uuid, row.UuidAt(0));
  config.user_id = row.Text(1);
  config.name = row.Text(2);
  config.config = row.Text(3);
  config.created_at = row.Time(4);
  config.updated_at = row.Time(5);
  return config;
}

// "('pending', 'running')": at most as many texts as there are sets of statuses, so that the cache
// of prepared statements stays small.
std::string StatusList(const std::vector<RunStatus>& statuses) {
  std::string list;
  for (RunStatus status : std::set<RunStatus>(statuses.begin(), statuses.end())) {
    list += (list.empty() ? "('" : ", '") + std::string(NameOf(status)) + "'";
  }
  return list + ")";
}

std::string ListQuery(const RunFilter& filter) {
  std::string sql = VM0_SELECT_RUN "WHERE 1";
  if (!filter.user_id.empty()) sql += " AND user_id = ?";
  if (!filter.statuses.empty()) sql += " AND status IN " + StatusList(filter.statuses);
  if (!filter.agent_name.empty()) sql += " AND agent_name = ?";
  if (filter.created_since) sql += " AND created_at >= ?";
  if (filter.created_until) sql += " AND created_at <= ?";
  if (filter.before)
    sql += " AND (created_at, id) < (SELECT created_at, id FROM runs WHERE id = ?)";
  return sql + " ORDER BY created_at DESC, id DESC LIMIT ?";
}

constexpr std::array<std::string_view, 3> kKindNames = {"admin", "user", "run"};

#define VM0_SELECT_TOKEN                                                                       \
  "SELECT id, kind, hash, user_id, name, host_scope, run_id, attempt, created_at, expires_at " \
  "FROM tokens "

Result<Token> ReadToken(const SqliteQuery& row) {
  Token token;
  VM0_ASSIGN(token.id.uuid, row.UuidAt(0));
  for (std::size_t i = 0; i < kKindNames.size(); ++i) {
    if (row.View(1) == kKindNames[i]) token.kind = static_cast<Token::Kind>(i);
  }
  token.hash = row.Text(2);
  token.user_id = row.Text(3);
  token.name = row.Text(4);
  token.host_scope = row.Int(5) != 0;
  if (!row.IsNull(6)) {
    VM0_ASSIGN(const Uuid run, row.UuidAt(6));
    token.run_id = RunId{run};
  }
  token.attempt = static_cast<int>(row.Int(7));
  token.created_at = row.Time(8);
  token.expires_at = row.OptionalTime(9);
  return token;
}

std::size_t SizeOf(const Run& run) {
  std::size_t size = sizeof run + run.prompt.size() + run.spec.size() + run.secrets.size();
  for (const auto& text : {&run.error, &run.result, &run.usage, &run.last_failure})
    size += text->value_or("").size();
  return size;
}

}  // namespace

// Counted before it is done: a row that this connection reads from now on is kept with the new
// count. What is rolled back is counted by the database.
SqliteQuery SqliteRunStore::Write(std::string_view sql) {
  ++version_;
  return connection_.Query(sql);
}

Result<RunStore::Upserted> SqliteRunStore::UpsertConfig(const AgentConfig& config) {
  VM0_ASSIGN(auto before, FindConfigByName(config.user_id, config.name));
  if (before) {
    auto update = Write("UPDATE agent_configs SET config = ?, updated_at = ? WHERE id = ?");
    VM0_TRY(update.Bind(config.config).Bind(config.updated_at).Bind(before->id).Run());
    before->config = config.config;
    before->updated_at = config.updated_at;
    return Upserted{std::move(*before), false};
  }
  auto insert = Write(
      "INSERT INTO agent_configs (id, user_id, name, config, created_at, updated_at) "
      "VALUES (?, ?, ?, ?, ?, ?)");
  insert.Bind(config.id).Bind(config.user_id).Bind(config.name).Bind(config.config);
  VM0_TRY(insert.Bind(config.created_at).Bind(config.updated_at).Run());
  return Upserted{config, true};
}

Result<std::optional<AgentConfig>> SqliteRunStore::FindConfig(const std::string& user_id,
                                                              ConfigId id) {
  auto query = connection_.Query(VM0_SELECT_CONFIG "WHERE id = ? AND user_id = ?");
  query.Bind(id).Bind(user_id);
  return ReadOneConfig(query);
}

Result<std::optional<AgentConfig>> SqliteRunStore::FindConfigByName(const std::string& user_id,
                                                                    const std::string& name) {
  auto query = connection_.Query(VM0_SELECT_CONFIG "WHERE user_id = ? AND name = ?");
  query.Bind(user_id).Bind(name);
  return ReadOneConfig(query);
}

Status SqliteRunStore::InsertRun(const Run& run) {
  auto insert = Write("INSERT INTO runs (" VM0_RUN_COLUMNS
                      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                      "?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(run.id).Bind(run.user_id).Bind(run.agent_config_id).Bind(run.agent_name);
  insert.Bind(run.provider).Bind(run.dialect).Bind(NameOf(run.status)).Bind(run.prompt);
  insert.Bind(run.spec).BindBlob(run.secrets).Bind(run.external).Bind(run.machine);
  insert.Bind(run.attempt).Bind(run.started).Bind(run.cancel_requested_at).Bind(run.created_at);
  insert.Bind(run.started_at).Bind(run.completed_at).Bind(run.error).Bind(run.result);
  insert.Bind(run.idempotency_key).Bind(run.request_hash);
  insert.Bind(run.error_code).Bind(run.usage).Bind(run.max_attempts).Bind(run.held);
  return insert.Bind(run.last_failure).Run();
}

Result<std::optional<Run>> SqliteRunStore::FindRun(RunId id) {
  if (const Run* kept = runs_.Find(id)) return *kept;
  auto query = connection_.Query(VM0_SELECT_RUN "WHERE id = ?");
  query.Bind(id);
  VM0_ASSIGN(const std::optional<Run> run, ReadOneRun(query));
  if (run) runs_.Keep(id, *run, SizeOf(*run));
  return run;
}

Result<std::optional<Run>> SqliteRunStore::FindRunByIdempotencyKey(const std::string& user_id,
                                                                   const std::string& key) {
  auto query = connection_.Query(VM0_SELECT_RUN "WHERE user_id = ? AND idempotency_key = ?");
  query.Bind(user_id).Bind(key);
  return ReadOneRun(query);
}

Result<std::vector<Run>> SqliteRunStore::ListRuns(const RunFilter& filter) {
  auto query = connection_.Query(ListQuery(filter));
  if (!filter.user_id.empty()) query.Bind(filter.user_id);
  if (!filter.agent_name.empty()) query.Bind(filter.agent_name);
  if (filter.created_since) query.Bind(*filter.created_since);
  if (filter.created_until) query.Bind(*filter.created_until);
  if (filter.before) query.Bind(*filter.before);
  query.Bind(filter.limit);
  return ReadRuns(query);
}

Result<std::vector<PruneCandidate>> SqliteRunStore::ListPrunable(const PruneFilter& filter) {
  auto query = connection_.Query(
      "SELECT e.run_id, (?1 = '' OR r.user_id = ?1) AND (?2 = 0 OR (r.created_at, r.id) < ("
      "SELECT created_at, id FROM runs WHERE user_id = r.user_id "
      "ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET ?2 - 1)) "
      "FROM (SELECT run_id, created_at FROM run_ends WHERE pruned_at IS NULL AND created_at < ?3 "
      "AND (created_at, run_id) >= (coalesce((SELECT created_at FROM run_ends WHERE run_id = ?4), "
      "0)"
      ", coalesce(?4, x'')) ORDER BY created_at, run_id LIMIT ?5) e "
      "JOIN runs r ON r.id = e.run_id ORDER BY e.created_at, e.run_id");
  query.Bind(filter.user_id).Bind(filter.keep).Bind(filter.ended_before);
  query.Bind(filter.from).Bind(filter.limit);
  std::vector<PruneCandidate> candidates;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return candidates;
    PruneCandidate candidate;
    VM0_ASSIGN(candidate.run.uuid, query.UuidAt(0));
    candidate.is_wanted = query.Int(1) != 0;
    candidates.push_back(candidate);
  }
}

Result<std::vector<Run>> SqliteRunStore::UnfinishedRunsOf(const std::string& machine) {
  auto query = connection_.Query(VM0_SELECT_RUN
                                 "WHERE machine = ? AND completed_at IS NULL AND attempt > 0 "
                                 "ORDER BY created_at, id");
  query.Bind(machine);
  return ReadRuns(query);
}

Result<std::int64_t> SqliteRunStore::CountUnfinished() {
  auto query = connection_.Query("SELECT count(*) FROM runs WHERE completed_at IS NULL");
  VM0_TRY(query.Step());
  return query.Int(0);
}

Result<LiveRuns> SqliteRunStore::CountLive() {
  // Each from an index of its own; the rows of the table are not touched.
  const auto count = [this](std::string_view condition) -> Result<std::int64_t> {
    auto query = connection_.Query("SELECT count(*) FROM runs WHERE " + std::string(condition));
    VM0_TRY(query.Step());
    return query.Int(0);
  };
  LiveRuns live;
  VM0_ASSIGN(live.queued, count("status = 'pending' AND external = 0 AND held = 0"));
  VM0_ASSIGN(live.held, count("held = 1"));
  VM0_ASSIGN(live.running, count("status = 'running' AND external = 0"));
  VM0_ASSIGN(const std::int64_t all, CountUnfinished());
  live.external = all - live.queued - live.held - live.running;
  return live;
}

Result<std::int64_t> SqliteRunStore::CountUnfinishedOf(const std::string& user_id,
                                                       std::int64_t most) {
  auto query = connection_.Query(
      "SELECT count(*) FROM (SELECT 1 FROM runs WHERE user_id = ? AND completed_at IS NULL "
      "LIMIT ?)");
  VM0_TRY(query.Bind(user_id).Bind(most).Step());
  return query.Int(0);
}

Status SqliteRunStore::UpdateRun(const Run& run) {
  auto update = Write(
      "UPDATE runs SET status = ?, secrets = ?, machine = ?, attempt = ?, started = ?, "
      "cancel_requested_at = ?, started_at = ?, completed_at = ?, error = ?, result = ?, "
      "error_code = ?, usage = ?, held = ?, last_failure = ? WHERE id = ?");
  update.Bind(NameOf(run.status)).BindBlob(run.secrets).Bind(run.machine).Bind(run.attempt);
  update.Bind(run.started).Bind(run.cancel_requested_at).Bind(run.started_at);
  update.Bind(run.completed_at).Bind(run.error).Bind(run.result);
  update.Bind(run.error_code).Bind(run.usage).Bind(run.held).Bind(run.last_failure);
  VM0_TRY(update.Bind(run.id).Run());
  if (connection_.changes() == 0) return Fail(Code::kNotFound, "Agent run not found");
  return {};
}

Status SqliteRunStore::InsertToken(const Token& token) {
  auto insert = Write(
      "INSERT INTO tokens (id, kind, hash, user_id, name, host_scope, run_id, attempt, created_at, "
      "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(token.id).Bind(kKindNames[static_cast<std::size_t>(token.kind)]).Bind(token.hash);
  insert.Bind(token.user_id).Bind(token.name).Bind(token.host_scope).Bind(token.run_id);
  return insert.Bind(token.attempt).Bind(token.created_at).Bind(token.expires_at).Run();
}

Result<std::optional<Token>> SqliteRunStore::FindToken(const std::string& hash) {
  if (const Token* kept = tokens_.Find(hash)) return *kept;
  auto query = connection_.Query(VM0_SELECT_TOKEN "WHERE hash = ?");
  VM0_ASSIGN(const bool there, query.Bind(hash).Step());
  if (!there) return std::nullopt;
  VM0_ASSIGN(const Token token, ReadToken(query));
  tokens_.Keep(hash, token, sizeof token + token.hash.size() + token.name.size());
  return token;
}

Result<std::vector<Token>> SqliteRunStore::ListTokens(const std::string& user_id) {
  auto query = connection_.Query(VM0_SELECT_TOKEN
                                 "WHERE (?1 = '' OR user_id = ?1) AND kind <> 'run' "
                                 "ORDER BY created_at, id");
  query.Bind(user_id);
  std::vector<Token> tokens;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return tokens;
    VM0_ASSIGN(Token token, ReadToken(query));
    tokens.push_back(std::move(token));
  }
}

Result<bool> SqliteRunStore::RemoveToken(const std::string& user_id, TokenId id) {
  auto remove = Write("DELETE FROM tokens WHERE id = ?1 AND (?2 = '' OR user_id = ?2)");
  VM0_TRY(remove.Bind(id).Bind(user_id).Run());
  return connection_.changes() > 0;
}

Status SqliteRunStore::ExpireRunTokens(RunId run, WallTime when) {
  auto update = Write("UPDATE tokens SET expires_at = ? WHERE run_id = ?");
  return update.Bind(when).Bind(run).Run();
}

Result<bool> SqliteRunStore::HasExpiredTokens(WallTime now) {
  auto find = connection_.Query("SELECT 1 FROM tokens WHERE expires_at < ? LIMIT 1");
  return find.Bind(now).Step();
}

Status SqliteRunStore::RemoveExpiredTokens(WallTime now) {
  auto remove = Write("DELETE FROM tokens WHERE expires_at < ?");
  return remove.Bind(now).Run();
}

Status SqliteRunStore::PutSecret(const StoredSecret& secret) {
  auto put = Write(
      "INSERT INTO secrets (user_id, name, sealed, updated_at) VALUES (?, ?, ?, ?) "
      "ON CONFLICT (user_id, name) DO UPDATE SET sealed = excluded.sealed, "
      "updated_at = excluded.updated_at");
  put.Bind(secret.user_id).Bind(secret.name).BindBlob(secret.sealed);
  return put.Bind(secret.updated_at).Run();
}

Result<std::optional<StoredSecret>> SqliteRunStore::FindSecret(const std::string& user_id,
                                                               const std::string& name) {
  auto query =
      connection_.Query("SELECT sealed, updated_at FROM secrets WHERE user_id = ? AND name = ?");
  VM0_ASSIGN(const bool there, query.Bind(user_id).Bind(name).Step());
  if (!there) return std::nullopt;
  return StoredSecret{user_id, name, query.Text(0), query.Time(1)};
}

Result<std::vector<StoredSecret>> SqliteRunStore::ListSecrets(const std::string& user_id) {
  auto query =
      connection_.Query("SELECT name, updated_at FROM secrets WHERE user_id = ? ORDER BY name");
  query.Bind(user_id);
  std::vector<StoredSecret> secrets;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return secrets;
    secrets.push_back({user_id, query.Text(0), "", query.Time(1)});
  }
}

Result<bool> SqliteRunStore::RemoveSecret(const std::string& user_id, const std::string& name) {
  auto remove = Write("DELETE FROM secrets WHERE user_id = ? AND name = ?");
  VM0_TRY(remove.Bind(user_id).Bind(name).Run());
  return connection_.changes() > 0;
}

}  // namespace vm0::store
