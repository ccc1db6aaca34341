// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_event_log.h"

#include <algorithm>
#include <cassert>

#include "event/checksum.h"

namespace vm0::store {
namespace {

constexpr std::size_t kMostAppended = 4096;

Error Gap(std::int64_t expected, std::int64_t got) {
  return Error{Code::kSequenceGap,
               "event " + std::to_string(got) + " came where " + std::to_string(expected) +
                   " was expected; send again from there",
               expected};
}

Error Mismatch(std::int64_t sequence) {
  return Error{Code::kEventMismatch,
               "event " + std::to_string(sequence) + " is stored already, with other bytes",
               sequence};
}

// A row "sequence, created_at, source, json" as a record, whatever is in it.
void AppendRow(std::string& out, const SqliteQuery& row) {
  out.append(std::to_string(row.Int(0))).append(" ").append(std::to_string(row.Int(1)));
  out.append(" ").append(row.View(2)).append(" ").append(row.View(3)).append("\n");
}

}  // namespace

Result<LastEvent> SqliteEventLog::FindLast(RunId run) {
  if (const auto found = appended_.find(run); found != appended_.end()) return found->second;
  auto query = connection_.Query(
      "SELECT sequence, created_at FROM events WHERE run_id = ? ORDER BY sequence DESC LIMIT 1");
  VM0_ASSIGN(const bool there, query.Bind(run).Step());
  if (there) return LastEvent{query.Int(0), query.Time(1)};
  VM0_ASSIGN(const Pruned pruned, FindPruned(run));
  return LastEvent{pruned.to, {}};
}

Result<std::int64_t> SqliteEventLog::Append(RunId run, std::span<const event::RecordView> records) {
  VM0_ASSIGN(const std::int64_t last, LastSequence(run));
  if (records.empty()) return last;
  const std::int64_t first = records.front().sequence;
  if (first > last + 1) return Fail(Gap(last + 1, first));
  const auto stored =
      std::min<std::size_t>(static_cast<std::size_t>(last + 1 - first), records.size());
  VM0_TRY(CompareStored(run, records.first(stored)));
  std::int64_t next = last + 1;
  for (const auto& record : records.subspan(stored)) {
    assert(record.sequence == next);
    VM0_TRY(Insert(run, record));
    ++next;
  }
  if (next > last + 1) KeepAppended(run, {next - 1, records.back().created_at});
  return next - 1;
}

void SqliteEventLog::KeepAppended(RunId run, LastEvent last) {
  if (appended_.size() >= kMostAppended) appended_.clear();
  appended_.insert_or_assign(run, last);
}

Status SqliteEventLog::CompareStored(RunId run, std::span<const event::RecordView> records) {
  if (records.empty()) return {};
  VM0_ASSIGN(const Pruned pruned, FindPruned(run));
  const auto gone = std::clamp<std::int64_t>(pruned.to + 1 - records.front().sequence, 0,
                                             static_cast<std::int64_t>(records.size()));
  records = records.subspan(static_cast<std::size_t>(gone));
  if (records.empty()) return {};
  auto query = connection_.Query(
      "SELECT sequence, created_at, source, json FROM events "
      "WHERE run_id = ? AND sequence >= ? ORDER BY sequence");
  query.Bind(run).Bind(records.front().sequence);
  for (const auto& record : records) {
    VM0_ASSIGN(const bool there, query.Step());
    const bool equal =
        there && query.Int(0) == record.sequence && query.Time(1) == record.created_at &&
        query.View(2) == event::NameOf(record.source) && query.View(3) == record.json;
    if (!equal) return Fail(Mismatch(record.sequence));
  }
  return {};
}

Status SqliteEventLog::Insert(RunId run, const event::RecordView& record) {
  auto insert = connection_.Query(
      "INSERT INTO events (run_id, sequence, created_at, source, type, json, checksum) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(run).Bind(record.sequence).Bind(record.created_at);
  assert(!record.type.empty());
  insert.Bind(event::NameOf(record.source)).Bind(record.type);
  insert.BindBlob(record.json);
  // An outsider's has no line yet.
  std::string made;
  if (record.line.empty())
    event::AppendRecord(made, record.sequence, record.created_at, record.source, record.json);
  return insert.Bind(event::RecordChecksum(run.uuid, record.line.empty() ? made : record.line))
      .Run();
}

Result<std::vector<event::Event>> SqliteEventLog::Read(RunId run, std::int64_t since, int limit,
                                                       std::size_t max_bytes) {
  auto query = connection_.Query(
      "SELECT sequence, created_at, source, type, json FROM events "
      "WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?");
  query.Bind(run).Bind(since).Bind(limit);
  std::vector<event::Event> events;
  std::size_t bytes = 0;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return events;
    const std::string_view json = query.View(4);
    bytes += json.size();
    if (!events.empty() && bytes > max_bytes) return events;
    const auto source = event::FindSource(query.View(2));
    if (!source)
      return Fail(Code::kIo, "run " + run.ToString() + ": unknown source in the database");
    events.push_back({query.Int(0), query.Time(1), *source, query.Text(3), std::string(json)});
  }
}

Result<StoredRecords> SqliteEventLog::ReadRecords(RunId run, std::int64_t since, int limit,
                                                  std::size_t max_bytes) {
  auto query = connection_.Query(
      "SELECT sequence, created_at, source, json, checksum FROM events "
      "WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?");
  query.Bind(run).Bind(since).Bind(limit);
  StoredRecords records;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return records;
    const std::size_t before = records.lines.size();
    if (before > 0 && before + query.View(3).size() > max_bytes) return records;
    AppendRow(records.lines, query);
    const std::string_view line = std::string_view(records.lines).substr(before);
    const bool damaged = !query.IsNull(4) && query.Int(4) != event::RecordChecksum(run.uuid, line);
    if (damaged && !records.first_damaged) records.first_damaged = query.Int(0);
  }
}

Result<std::string> SqliteEventLog::Hash(RunId run) {
  auto query = connection_.Query(
      "SELECT sequence, created_at, source, json FROM events WHERE run_id = ? ORDER BY sequence");
  query.Bind(run);
  event::ChainHash hash;
  std::string line;
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there) return hash.Hex();
    line.clear();
    AppendRow(line, query);
    hash.Add(line);
  }
}

Status SqliteEventLog::InsertEnd(const RunEnd& end) {
  auto insert = connection_.Query(
      "INSERT INTO run_ends (run_id, status, last_sequence, hash, exit_code, signal, reason, "
      "output_complete, created_at, hashed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(end.run_id).Bind(NameOf(end.status)).Bind(end.last_sequence).Bind(end.hash);
  insert.Bind(end.exit_code).Bind(end.signal).Bind(end.reason);
  insert.Bind(end.output_complete).Bind(end.created_at);
  if (end.hashed_by) return insert.Bind(NameOf(*end.hashed_by)).Run();
  return insert.BindNull().Run();
}

Result<std::optional<RunEnd>> SqliteEventLog::FindEnd(RunId run) {
  auto query = connection_.Query(
      "SELECT status, last_sequence, hash, exit_code, signal, reason, output_complete, created_at, "
      "hashed_by FROM run_ends WHERE run_id = ?");
  VM0_ASSIGN(const bool there, query.Bind(run).Step());
  if (!there) return std::nullopt;
  const auto status = FindRunStatus(query.View(0));
  if (!status) return Fail(Code::kIo, "run " + run.ToString() + ": unknown status of its end");
  RunEnd end;
  end.run_id = run;
  end.status = *status;
  end.last_sequence = query.Int(1);
  end.hash = query.Text(2);
  if (!query.IsNull(3)) end.exit_code = static_cast<int>(query.Int(3));
  if (!query.IsNull(4)) end.signal = static_cast<int>(query.Int(4));
  end.reason = query.OptionalText(5);
  end.output_complete = query.Int(6) != 0;
  end.created_at = query.Time(7);
  end.hashed_by = FindHashedBy(query.View(8));
  return end;
}

Result<Pruned> SqliteEventLog::FindPruned(RunId run) {
  auto query = connection_.Query("SELECT pruned_to, pruned_at FROM run_ends WHERE run_id = ?");
  VM0_ASSIGN(const bool there, query.Bind(run).Step());
  if (!there) return Pruned{};
  return Pruned{query.Int(0), query.OptionalTime(1)};
}

Result<EventsSize> SqliteEventLog::Measure(RunId run, std::int64_t since,
                                           const PieceLimits& limits) {
  auto query = connection_.Query(
      "SELECT sequence, length(json) FROM events WHERE run_id = ? AND sequence > ? "
      "ORDER BY sequence LIMIT ?");
  query.Bind(run).Bind(since).Bind(limits.events);
  EventsSize size{.last = since};
  for (;;) {
    VM0_ASSIGN(const bool there, query.Step());
    if (!there || (size.events > 0 && size.bytes + query.Int(1) > limits.bytes)) return size;
    ++size.events;
    size.bytes += query.Int(1);
    size.last = query.Int(0);
  }
}

Result<EventLog::PrunedPiece> SqliteEventLog::Prune(RunId run, const PieceLimits& limits,
                                                    WallTime now) {
  VM0_ASSIGN(const std::optional<RunEnd> end, FindEnd(run));
  if (!end) return Fail(Code::kConflict, "run " + run.ToString() + " has not ended");
  VM0_ASSIGN(const Pruned before, FindPruned(run));
  if (before.at)
    return PrunedPiece{.size = {.last = before.to}, .is_last = true, .was_pruned = true};
  PrunedPiece piece;
  VM0_ASSIGN(piece.size, Measure(run, before.to, limits));
  VM0_TRY(connection_.Query("DELETE FROM events WHERE run_id = ? AND sequence <= ?")
              .Bind(run)
              .Bind(piece.size.last)
              .Run());
  VM0_ASSIGN(const EventsSize rest, Measure(run, piece.size.last, {.events = 1}));
  piece.is_last = rest.events == 0;
  auto update =
      connection_.Query("UPDATE run_ends SET pruned_to = ?, pruned_at = ? WHERE run_id = ?");
  // A log with holes is pruned to its end, too.
  update.Bind(piece.is_last ? std::max(end->last_sequence, piece.size.last) : piece.size.last);
  update.Bind(piece.is_last ? std::optional(now) : std::nullopt);
  VM0_TRY(update.Bind(run).Run());
  return piece;
}

}  // namespace vm0::store
