// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace load {

// Nanoseconds of the monotonic clock, which all processes of a machine share.
std::int64_t Now();

// A record carries when it was written as text that no peer's encoding changes: stamp_ and 19
// digits. A reader finds it in whatever bytes come, so no peer pays for a parser of its answers.
inline constexpr std::size_t kStampBytes = 6 + 19;

// A JSON object of about `bytes` bytes with a stamp of now in it; no line break.
std::string StampedRecord(int bytes);

// Finds the stamps in bytes that come in pieces.
class StampFinder {
 public:
  // Calls `found` with each stamp's time.
  void Feed(std::string_view bytes, const std::function<void(std::int64_t)>& found);

 private:
  std::string rest_;  // the end of the last piece, where half a stamp may be
};

}  // namespace load
