// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/result.h"

namespace vm0::archive {

// What is in an archive at most. Beyond, packing and unpacking end with kBadRequest.
struct Limits {
  // Of the files' contents. A hole of a file counts.
  std::optional<std::int64_t> bytes = std::nullopt;
  // Files, folders and symbolic links.
  std::optional<std::int64_t> files = std::nullopt;
  const std::atomic<bool>* stop = nullptr;  // set: the work ends early with kUnavailable
};

// How much of them is used. One thread.
class Meter {
 public:
  // `limits` outlives it.
  explicit Meter(const Limits& limits) : limits_(limits) {}

  Status CountFile();
  // A file of so many bytes comes.
  Status CountBytes(std::int64_t bytes);
  Status CheckStop() const;

 private:
  const Limits& limits_;
  std::int64_t files_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace vm0::archive
