// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::runner {

// The spool that a dead supervisor has left: the records 1..N that are whole. What follows the
// first one that is torn or is no record (a write cut short, blocks lost with the power) counts for
// nothing. Passive; reads from disk; blocks.
class DeadSpool {
 public:
  // An empty one when there is no file, or not even the whole header. kBadRequest for a spool of
  // another version, which is left alone.
  static Result<DeadSpool> Open(const std::filesystem::path& path);

  std::int64_t last_sequence() const { return last_; }
  // The chain over 1..N.
  const std::string& hash() const { return hash_; }
  // Records from `first`, which is one of 1..N, as many as one batch holds (event/record.h): at
  // least one.
  Result<std::string> ReadBatch(std::int64_t first) const;

 private:
  struct Mark {
    std::int64_t sequence;
    std::int64_t offset;
  };
  Status Scan();

  os::Fd fd_;
  std::int64_t last_ = 0;
  std::int64_t end_ = 0;  // where the last whole record ends
  std::string hash_;
  std::vector<Mark> marks_;  // of some records, the first among them
};

}  // namespace vm0::runner
