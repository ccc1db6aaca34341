// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"

namespace vm0::event {

// The record format, version 1, on disk (spool) and on the wire (ingest) alike, one record a line:
//   <seq> <unix-µs> <source> <raw JSON>\n
// Numbers are decimal without leading zeros, from 1 and from 0; source is agent, stdout, stderr or
// vm0.
inline constexpr std::string_view kRecordContentType = "application/x-vm0-events; v=1";
// The first line of a spool file; a spool of another version is left alone and reported.
inline constexpr std::string_view kSpoolHeader = "vm0-spool v=1\n";

inline constexpr std::size_t kMaxBatchRecords = 1000;
inline constexpr std::size_t kMaxBatchBytes = 4 << 20;
inline constexpr std::size_t kDefaultLineLimit = 8 << 20;
// The JSON of one event: a line can grow when it is wrapped (escapes, base64), and one record must
// always fit an ingest body.
inline constexpr std::size_t kMaxEventBytes = 16 << 20;
inline constexpr std::size_t kMaxLineLimit = 16 << 20;

// One record as views into the bytes it was parsed from.
struct RecordView {
  std::int64_t sequence = 0;
  WallTime created_at{};
  Source source = Source::kAgent;
  std::string_view json;
  std::string_view line;  // the whole record with its '\n'
  // TypeOf(json), which is what the store keeps; of ParseRecord empty.
  std::string type{};
};

void AppendRecord(std::string& out, std::int64_t sequence, WallTime created_at, Source source,
                  std::string_view json);

// Parses one record at the start of `bytes`. nullopt inside the result when no '\n' is there yet (a
// torn record). kBadRequest when the line is no record; the JSON itself is not checked.
Result<std::optional<RecordView>> ParseRecord(std::string_view bytes);
// All records of an ingest body. kBadRequest, naming the record (from 1), for a malformed or torn
// one, for numbers that do not follow one another, for JSON that IsEvent refuses, and for an empty
// body. kPayloadTooLarge for more than kMaxBatchRecords; the bytes are for the caller to limit.
Result<std::vector<RecordView>> ParseRecords(std::string_view body);

// The hash chain over a run's records: h(0) is 32 zero bytes,
// h(i) = BLAKE2b-256(h(i-1) ‖ record line i with its '\n').
class ChainHash {
 public:
  void Add(std::string_view record_line);
  std::string Hex() const;  // 64 digits

 private:
  std::array<unsigned char, 32> state_{};
};

}  // namespace vm0::event
