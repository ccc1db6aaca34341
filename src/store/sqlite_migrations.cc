// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_migrations.h"

#include <string>

namespace vm0::store {
namespace {

Status RunStep(SqliteConnection& connection, const Migration& migration) {
  VM0_TRY(connection.Execute(std::string(migration.sql)));
  return connection.Execute("DELETE FROM schema_version; INSERT INTO schema_version VALUES (" +
                            std::to_string(migration.version) + ")");
}

Status Step(SqliteConnection& connection, const Migration& migration) {
  VM0_TRY(connection.Execute(
      "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"));
  Status status = RunStep(connection, migration);
  if (status) status = connection.Execute("COMMIT");
  if (!status && connection.in_transaction()) (void)connection.Execute("ROLLBACK");
  if (status) return {};
  Error error = std::move(status).error();
  error.message += " (migration " + std::to_string(migration.version) + ")";
  return Fail(std::move(error));
}

}  // namespace

Result<int> SchemaVersion(SqliteConnection& connection) {
  {
    auto table = connection.Query("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'");
    VM0_ASSIGN(const bool there, table.Step());
    if (!there) return 0;
  }
  auto version = connection.Query("SELECT max(version) FROM schema_version");
  VM0_TRY(version.Step());
  return static_cast<int>(version.Int(0));
}

Status Migrate(SqliteConnection& connection, std::span<const Migration> migrations) {
  VM0_ASSIGN(const int version, SchemaVersion(connection));
  const int newest = migrations.empty() ? 0 : migrations.back().version;
  if (version > newest) {
    return Fail(Code::kConflict, "database " + connection.path() +
                                     ": written by a newer vm0 (schema " + std::to_string(version) +
                                     ", this one knows " + std::to_string(newest) +
                                     "); use that version, or another data directory");
  }
  for (const Migration& migration : migrations) {
    if (migration.version > version) VM0_TRY(Step(connection, migration));
  }
  return {};
}

}  // namespace vm0::store
