// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>

#include "store/event_log.h"
#include "store/sqlite.h"

namespace vm0::store {

// EventLog on one SQLite connection, which outlives it. Same thread rule as the connection.
class SqliteEventLog final : public EventLog {
 public:
  explicit SqliteEventLog(SqliteConnection& connection) : connection_(connection) {}

  Result<std::int64_t> Append(RunId run, std::span<const event::RecordView> records) override;
  Result<LastEvent> FindLast(RunId run) override;
  Result<std::vector<event::Event>> Read(RunId run, std::int64_t since, int limit,
                                         std::size_t max_bytes) override;
  Result<StoredRecords> ReadRecords(RunId run, std::int64_t since, int limit,
                                    std::size_t max_bytes) override;
  Result<std::string> Hash(RunId run) override;
  Status InsertEnd(const RunEnd& end) override;
  Result<std::optional<RunEnd>> FindEnd(RunId run) override;
  Result<Pruned> FindPruned(RunId run) override;
  Result<EventsSize> Measure(RunId run, std::int64_t since, const PieceLimits& limits) override;
  Result<PrunedPiece> Prune(RunId run, const PieceLimits& limits, WallTime now) override;

  // What was appended is rolled back.
  void ForgetAppended() { appended_.clear(); }

 private:
  // kEventMismatch unless all `records`, which are stored, have the same bytes there, as far as
  // they are not pruned.
  Status CompareStored(RunId run, std::span<const event::RecordView> records);
  void KeepAppended(RunId run, LastEvent last);
  Status Insert(RunId run, const event::RecordView& record);

  SqliteConnection& connection_;
  // The ends of the runs that events were appended to: only this connection appends. Empty in a
  // reader, which does not.
  std::unordered_map<RunId, LastEvent> appended_;
};

}  // namespace vm0::store
