// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/record.h"
#include "os/fd.h"

namespace vm0::supervisor {

struct BatchLimits {
  std::size_t records = event::kMaxBatchRecords;
  std::size_t bytes = event::kMaxBatchBytes;
};

// Whole records that follow one another.
struct Batch {
  std::string records;
  std::int64_t first = 0;  // sequence numbers
  std::int64_t last = 0;
  std::int64_t end_offset = 0;  // where the next batch starts
};

// The run's spool file: header, then records 1..N, all of them until the end is acknowledged. One
// writer. Never synced: if the machine dies, so does the agent. Not movable while read from.
class Spool {
 public:
  // A new file. kConflict when the file has records: an agent ran already.
  static Result<Spool> Create(const std::filesystem::path& path);

  // Whole records, in one write; the last of them has that number. After an error the file ends
  // with the last whole burst, and the same call may be repeated.
  Status Append(std::string_view records, std::int64_t last_sequence);

  // Records from `offset` on, as many as the limits allow and always at least one. The spool must
  // have more there.
  Result<Batch> Read(std::int64_t offset, const BatchLimits& limits) const;
  // Where that record starts, or the end for last_sequence + 1; kNotFound for others. Scans the
  // file.
  Result<std::int64_t> OffsetOf(std::int64_t sequence) const;

  std::int64_t start_offset() const {
    return static_cast<std::int64_t>(event::kSpoolHeader.size());
  }
  std::int64_t end_offset() const { return end_; }
  std::int64_t last_sequence() const { return last_sequence_; }

 private:
  Spool(os::Fd fd, std::int64_t end) : fd_(std::move(fd)), end_(end) {}

  os::Fd fd_;
  std::int64_t end_ = 0;
  std::int64_t last_sequence_ = 0;
};

}  // namespace vm0::supervisor
