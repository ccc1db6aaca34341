// SPDX-License-Identifier: Apache-2.0
#include "store/inspect.h"
#include "store/sqlite.h"
#include "store/sqlite_migrations.h"

namespace vm0::store {
namespace {

std::unexpected<Error> Damaged(const std::string& what) {
  return Fail(Code::kBadRequest, "the database in it is damaged: " + what + "; use another backup");
}

// What SQLite says of a damaged file; a busy disk or no memory says nothing of it.
std::unexpected<Error> Explain(const SqliteQuery& query, const Error& error) {
  return query.found_damage() ? Damaged(error.message) : Fail(error);
}

// A check of SQLite's that gives rows of text; "ok" and nothing are good.
Status RunCheck(SqliteConnection& connection, std::string_view pragma) {
  auto query = connection.Query(pragma);
  const auto row = query.Step();
  if (!row) return Explain(query, row.error());
  if (!*row || query.View(0) == "ok") return {};
  return Damaged(query.Text(0));
}

}  // namespace

Result<DatabaseFacts> InspectDatabase(const std::string& path) {
  VM0_ASSIGN(const auto connection, SqliteConnection::Open(path));
  VM0_TRY(RunCheck(*connection, "PRAGMA integrity_check(1)"));
  VM0_TRY(RunCheck(*connection, "PRAGMA foreign_key_check"));
  DatabaseFacts facts;
  VM0_ASSIGN(facts.schema, SchemaVersion(*connection));
  if (facts.schema < 1) return Damaged("it is not one of vm0");
  const int newest = Migrations().back().version;
  if (facts.schema > newest)
    return Fail(Code::kConflict, "it was made by a newer vm0 (schema " +
                                     std::to_string(facts.schema) + ", this one knows " +
                                     std::to_string(newest) + "); use that version");
  auto count = connection->Query("SELECT count(*) FROM runs");
  const auto row = count.Step();
  if (!row) return Explain(count, row.error());
  facts.runs = count.Int(0);
  return facts;
}

}  // namespace vm0::store
