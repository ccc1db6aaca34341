// SPDX-License-Identifier: Apache-2.0
// The queue's part of SqliteRunStore.
#include "store/sqlite_run_store.h"

namespace vm0::store {

// As the index runs_queue has it.
#define VM0_QUEUED "status = 'pending' AND external = 0 AND held = 0"

const std::string_view kQueuedUsersSql =
    "WITH RECURSIVE waiting (user_id) AS ("
    "  SELECT min(user_id) FROM runs WHERE " VM0_QUEUED
    "  UNION ALL"
    "  SELECT (SELECT min(user_id) FROM runs WHERE " VM0_QUEUED
    "            AND user_id > waiting.user_id)"
    "  FROM waiting WHERE waiting.user_id IS NOT NULL) "
    "SELECT w.user_id,"
    "  (SELECT count(*) FROM runs"
    "     WHERE user_id = w.user_id AND status = 'running' AND external = 0),"
    "  coalesce((SELECT turn FROM queue_turns WHERE user_id = w.user_id), 0),"
    "  r.id, r.created_at "
    "FROM waiting w JOIN runs r ON r.rowid = (SELECT rowid FROM runs"
    "  WHERE user_id = w.user_id AND " VM0_QUEUED " ORDER BY created_at, id LIMIT 1)";

Result<std::vector<QueuedUser>> SqliteRunStore::QueuedUsers() {
  auto query = connection_.Query(kQueuedUsersSql);
  std::vector<QueuedUser> users;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return users;
    QueuedUser user;
    user.user_id = query.Text(0);
    user.running = query.Int(1);
    user.turn = query.Int(2);
    VM0_ASSIGN(user.oldest.uuid, query.UuidAt(3));
    user.oldest_created_at = query.Time(4);
    users.push_back(std::move(user));
  }
}

Result<std::int64_t> SqliteRunStore::CountQueued(const std::string& user_id) {
  auto query = connection_.Query("SELECT count(*) FROM runs WHERE user_id = ? AND " VM0_QUEUED);
  VM0_TRY(query.Bind(user_id).Step());
  return query.Int(0);
}

Result<std::vector<RunId>> SqliteRunStore::QueuedRunsOf(const std::string& user_id) {
  auto query = connection_.Query("SELECT id FROM runs WHERE user_id = ? AND " VM0_QUEUED
                                 " ORDER BY created_at, id");
  query.Bind(user_id);
  std::vector<RunId> ids;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return ids;
    VM0_ASSIGN(const Uuid id, query.UuidAt(0));
    ids.push_back(RunId{id});
  }
}

Status SqliteRunStore::TakeTurn(const std::string& user_id) {
  auto put = Write(
      "INSERT INTO queue_turns (user_id, turn) "
      "VALUES (?, (SELECT coalesce(max(turn), 0) + 1 FROM queue_turns)) "
      "ON CONFLICT (user_id) DO UPDATE SET turn = excluded.turn");
  return put.Bind(user_id).Run();
}

Result<bool> SqliteRunStore::HasHeld() {
  return connection_.Query("SELECT 1 FROM runs WHERE held = 1 LIMIT 1").Step();
}

Status SqliteRunStore::EndHolds() { return Write("UPDATE runs SET held = 0 WHERE held = 1").Run(); }

}  // namespace vm0::store
