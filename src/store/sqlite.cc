// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite.h"

#include <sqlite3.h>

#include <cassert>
#include <cstring>

#include "store/sqlite_power_vfs.h"

namespace vm0::store {
namespace {

std::string_view RemedyOf(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL:
      return "; free some space on its disk";
    case SQLITE_NOTADB:
      return "; move the file away, or choose another data directory";
    case SQLITE_CORRUPT:
      return "; restore it from a backup";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "; make it writable for this user";
    default:
      return "";
  }
}

}  // namespace

SqliteQuery::SqliteQuery(SqliteConnection& connection, sqlite3_stmt* statement, int error)
    : connection_(connection), statement_(statement), error_(error) {
  assert(statement == nullptr || sqlite3_stmt_busy(statement) == 0);
}

SqliteQuery::~SqliteQuery() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void SqliteQuery::Keep(int result) {
  if (error_ == SQLITE_OK) error_ = result;
}

SqliteQuery& SqliteQuery::Bind(std::int64_t value) {
  Keep(sqlite3_bind_int64(statement_, next_++, value));
  return *this;
}

SqliteQuery& SqliteQuery::Bind(std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() != nullptr ? text.data() : "";
  Keep(sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

SqliteQuery& SqliteQuery::BindCopy(std::string_view text) {
  Keep(sqlite3_bind_text64(statement_, next_++, text.data(), text.size(), SQLITE_TRANSIENT,
                           SQLITE_UTF8));
  return *this;
}

SqliteQuery& SqliteQuery::Bind(WallTime time) { return Bind(time.time_since_epoch().count()); }

SqliteQuery& SqliteQuery::Bind(const Uuid& uuid) {
  Keep(sqlite3_bind_blob64(statement_, next_++, uuid.bytes.data(), uuid.bytes.size(),
                           SQLITE_STATIC));
  return *this;
}

SqliteQuery& SqliteQuery::BindNull() {
  Keep(sqlite3_bind_null(statement_, next_++));
  return *this;
}

SqliteQuery& SqliteQuery::BindBlob(std::string_view bytes) {
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  Keep(sqlite3_bind_blob64(statement_, next_++, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Result<bool> SqliteQuery::Step() {
  if (error_ != SQLITE_OK) return Fail(connection_.ErrorOf(error_));
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  error_ = sqlite3_extended_errcode(connection_.db_);
  return Fail(connection_.ErrorOf(error_));
}

Status SqliteQuery::Run() {
  VM0_ASSIGN([[maybe_unused]] const bool row, Step());
  assert(!row);
  return {};
}

bool SqliteQuery::found_damage() const {
  const int kind = error_ & 0xff;
  return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
}

bool SqliteQuery::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t SqliteQuery::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view SqliteQuery::View(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr) return "";
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::string SqliteQuery::Text(int column) const { return std::string(View(column)); }

Result<Uuid> SqliteQuery::UuidAt(int column) const {
  Uuid uuid;
  const std::string_view bytes = View(column);
  if (bytes.size() != uuid.bytes.size()) {
    return Fail(Code::kIo, "database " + connection_.path() + ": an id is not 16 bytes long");
  }
  std::memcpy(uuid.bytes.data(), bytes.data(), bytes.size());
  return uuid;
}

std::optional<std::string> SqliteQuery::OptionalText(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}

std::optional<WallTime> SqliteQuery::OptionalTime(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Time(column);
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path) {
  // SQLite counts what it allocates under one lock, which the loop and the committer would fight
  // for at every turn. Nobody reads the count. It must be said before SQLite is used at all.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* db = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &db, flags, SqliteVfs());
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(path, db));
  if (result != SQLITE_OK) return Fail(connection->ErrorOf(result));
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Status SqliteConnection::Execute(const std::string& sql) {
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return Fail(ErrorOf(result));
  return {};
}

SqliteQuery SqliteConnection::Query(std::string_view sql) {
  if (auto found = statements_.find(sql); found != statements_.end()) {
    return SqliteQuery(*this, found->second, SQLITE_OK);
  }
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result == SQLITE_OK) statements_.emplace(sql, statement);
  return SqliteQuery(*this, statement, result);
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

void SqliteConnection::GiveUpWhen(std::function<bool()> asked) {
  gives_up_ = std::move(asked);
  const auto ask = [](void* function) -> int {
    return (*static_cast<std::function<bool()>*>(function))() ? 1 : 0;
  };
  constexpr int kStepsBetween = 1000;
  sqlite3_progress_handler(db_, kStepsBetween, ask, &gives_up_);
}

std::int64_t SqliteConnection::changes() const { return sqlite3_changes64(db_); }

Error SqliteConnection::ErrorOf(int result) const {
  const bool conflict =
      result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY;
  std::string message = "database " + path_ + ": ";
  message += db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(result);
  message += RemedyOf(result);
  // A full disk passes: whoever asked comes again.
  const int kind = result & 0xff;
  const bool passes = kind == SQLITE_FULL || kind == SQLITE_INTERRUPT;
  const Code code = passes ? Code::kUnavailable : Code::kIo;
  return Error{conflict ? Code::kConflict : code, std::move(message)};
}

}  // namespace vm0::store
