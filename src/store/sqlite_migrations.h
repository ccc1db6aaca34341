// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "store/sqlite.h"

namespace vm0::store {

// Brings the schema from the version before to this one.
struct Migration {
  int version;
  std::string_view sql;
};

// All there are, from version 1 on without gap: the files migrations/NNNN_*.sql.
std::span<const Migration> Migrations();

// The version of the schema; 0 for an empty database.
Result<int> SchemaVersion(SqliteConnection& connection);

// Brings the schema to the newest version of `migrations`, each step in a transaction of its own.
// kConflict, and nothing is touched, when the database is newer.
Status Migrate(SqliteConnection& connection, std::span<const Migration> migrations);

}  // namespace vm0::store
