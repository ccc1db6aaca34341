// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vm0::supervisor {

// Bytes [begin, end) of a text.
struct Range {
  std::size_t begin;
  std::size_t end;

  bool operator==(const Range&) const = default;
};
// Sorted, overlapping ones made one; ranges that only touch stay two.
std::vector<Range> Joined(std::vector<Range> ranges);

// A text that is looked for. Of base64 the characters at its two ends may hold bits of it and of
// its neighbour: they belong to the occurrence, but are not looked for.
struct Pattern {
  std::string text;  // kShortest bytes or more
  bool blurred_before = false;
  bool blurred_after = false;
};

// Finds any of many texts in one pass, most of whose bytes it does not look at (Wu and Manber's
// way: two bytes say how far one may jump). 64 kB, however long the patterns are.
class PatternSet {
 public:
  static constexpr std::size_t kShortest = 2;

  PatternSet() = default;
  explicit PatternSet(std::vector<Pattern> patterns);

  // Appends all occurrences, also those that overlap; of those at one place the longest.
  void Find(std::string_view text, std::vector<Range>& found) const;
  bool empty() const { return patterns_.empty(); }

 private:
  void FindAt(std::string_view text, std::size_t position, std::vector<Range>& found) const;
  std::uint16_t KeyOf(std::string_view text) const;

  std::vector<Pattern> patterns_;  // by key, longest first
  std::size_t window_ = 0;         // bytes of the shortest pattern
  // By the last two bytes of a window: how far the next window is that may begin a pattern.
  std::vector<std::uint8_t> jumps_;
};

}  // namespace vm0::supervisor
