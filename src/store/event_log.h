// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "event/record.h"
#include "store/types.h"

namespace vm0::store {

// Records as they are stored, for who checks them: nothing is corrected, left out or refused.
struct StoredRecords {
  std::string lines;  // as in record.h; of a damaged row perhaps no record
  // The first whose bytes do not match the checksum that was made of them when they came.
  std::optional<std::int64_t> first_damaged;
};

// Some events of a run, which follow one another.
struct EventsSize {
  std::int64_t events = 0;
  std::int64_t bytes = 0;  // of JSON
  std::int64_t last = 0;   // the number of the last of them; the one before where there are none

  bool operator==(const EventsSize&) const = default;
};

// How much is removed, or looked at, at once.
struct PieceLimits {
  int events = 500;
  std::int64_t bytes = 256 << 10;  // of JSON; one event may have more
};

// The last event of a run; number 0 when there is none, no time when it is pruned.
struct LastEvent {
  std::int64_t sequence = 0;
  WallTime created_at{};
};

// The events of all runs, and their ends. Same thread rule as RunStore.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Stores the records that are new and gives the last number stored. Records that are there
  // already with equal bytes are fine; with others kEventMismatch; a first record beyond last + 1
  // is kSequenceGap with the number expected. Of pruned ones nobody can tell: they count as equal.
  // Stores all or nothing. Checks no run state: the
  // caller does, in the same transaction.
  virtual Result<std::int64_t> Append(RunId run, std::span<const event::RecordView> records) = 0;
  virtual Result<LastEvent> FindLast(RunId run) = 0;
  // The greatest number that was stored, pruned or not; 0 when there is none.
  Result<std::int64_t> LastSequence(RunId run) {
    VM0_ASSIGN(const LastEvent last, FindLast(run));
    return last.sequence;
  }
  // Events with number > since, ascending, at most `limit`, and at most `max_bytes` of JSON but
  // always one if there is one.
  virtual Result<std::vector<event::Event>> Read(RunId run, std::int64_t since, int limit,
                                                 std::size_t max_bytes) = 0;
  // The same as records.
  virtual Result<StoredRecords> ReadRecords(RunId run, std::int64_t since, int limit,
                                            std::size_t max_bytes) = 0;
  // ChainHash over everything stored.
  virtual Result<std::string> Hash(RunId run) = 0;
  // kConflict when there is one already.
  virtual Status InsertEnd(const RunEnd& end) = 0;
  virtual Result<std::optional<RunEnd>> FindEnd(RunId run) = 0;

  // Nothing of a run that has not ended, or that there is not.
  virtual Result<Pruned> FindPruned(RunId run) = 0;
  // The first events after `since` that are stored, within the limits.
  virtual Result<EventsSize> Measure(RunId run, std::int64_t since, const PieceLimits& limits) = 0;
  // Removes the first events of a run, within the limits, and notes how far it came; when none is
  // left, that it was `now`. kConflict when the run has not ended.
  struct PrunedPiece {
    EventsSize size;
    bool is_last = false;     // none is left
    bool was_pruned = false;  // nor was any before
  };
  virtual Result<PrunedPiece> Prune(RunId run, const PieceLimits& limits, WallTime now) = 0;
};

}  // namespace vm0::store
