// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

struct sqlite3;
struct sqlite3_stmt;

// A thin, typed layer over SQLite. Only store/sqlite* includes <sqlite3.h>.
namespace vm0::store {

class SqliteConnection;

// A prepared statement in use, borrowed from its connection. When destroyed it is reset, so that no
// read snapshot stays open, and goes back to the connection's cache.
class SqliteQuery {
 public:
  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;
  ~SqliteQuery();

  // Binds the next parameter, beginning with ?1. Texts, blobs and ids are not copied: they must
  // outlive the query. A temporary string is, and a temporary id does not compile.
  SqliteQuery& Bind(std::int64_t value);
  SqliteQuery& Bind(std::string_view text);
  SqliteQuery& Bind(std::same_as<std::string> auto&& temporary) { return BindCopy(temporary); }
  SqliteQuery& Bind(WallTime time);
  SqliteQuery& Bind(const Uuid& uuid);
  SqliteQuery& Bind(Uuid&& temporary) = delete;
  template <class Tag>
  SqliteQuery& Bind(const Id<Tag>& id) {
    return Bind(id.uuid);
  }
  template <class Tag>
  SqliteQuery& Bind(Id<Tag>&& temporary) = delete;
  template <class T>
  SqliteQuery& Bind(const std::optional<T>& value) {
    return value ? Bind(*value) : BindNull();
  }
  SqliteQuery& BindNull();
  SqliteQuery& BindBlob(std::string_view bytes);

  // True: there is a row, whose columns can be read until the next Step. An error of preparing or
  // binding shows here. kConflict for a unique constraint, else kIo.
  Result<bool> Step();
  // A statement that gives no rows.
  Status Run();
  // Whether it failed since the file is damaged or no database.
  bool found_damage() const;

  // Columns of the current row, from 0.
  bool IsNull(int column) const;
  std::int64_t Int(int column) const;
  std::string Text(int column) const;  // of blobs too
  // Valid until the next Step.
  std::string_view View(int column) const;
  WallTime Time(int column) const { return WallTime(Micros(Int(column))); }
  // kIo when it is not 16 bytes.
  Result<Uuid> UuidAt(int column) const;
  std::optional<std::string> OptionalText(int column) const;
  std::optional<WallTime> OptionalTime(int column) const;

 private:
  friend class SqliteConnection;
  SqliteQuery(SqliteConnection& connection, sqlite3_stmt* statement, int error);
  void Keep(int result);
  SqliteQuery& BindCopy(std::string_view text);

  SqliteConnection& connection_;
  sqlite3_stmt* statement_;
  int error_;  // the first result that was not OK
  int next_ = 1;
};

// One connection. Not thread-safe: one thread at a time, with a happens-before between two.
class SqliteConnection {
 public:
  // Opens `path`, or makes it. Sets nothing.
  static Result<std::unique_ptr<SqliteConnection>> Open(const std::string& path);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Any number of statements that give no rows; not cached.
  Status Execute(const std::string& sql);
  // One statement, prepared once per text. The same text must not be in use already.
  SqliteQuery Query(std::string_view sql);
  // False after SQLite gave up a transaction by itself (a full disk, an I/O error).
  bool in_transaction() const;
  // Ends a long statement with kUnavailable as soon as `asked` gives true.
  void GiveUpWhen(std::function<bool()> asked);
  // Of the last statement: rows changed.
  std::int64_t changes() const;
  const std::string& path() const { return path_; }

 private:
  friend class SqliteQuery;
  SqliteConnection(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}
  Error ErrorOf(int result) const;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::string path_;
  sqlite3* db_;
  std::function<bool()> gives_up_;
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> statements_;
};

}  // namespace vm0::store
