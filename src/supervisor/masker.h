// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace vm0::supervisor {

// Replaces the values of secrets by "***" in what an agent prints: as they are, as in JSON strings
// (also inside of one another), percent-encoded and in base64, and of a value of several lines each
// line. Values and lines shorter than 5 characters are left alone: they would hit anything.
// Overlapping occurrences become one "***".
class Masker {
 public:
  static constexpr std::size_t kShortest = 5;

  Masker() = default;
  explicit Masker(const std::vector<std::string>& values);

  std::string Mask(std::string_view text) const;
  // Only what stands in the first `size` bytes of `text`; an occurrence that starts in them and
  // ends beyond is masked whole.
  std::string MaskBeginning(std::string_view text, std::size_t size) const;
  // The longest text that is replaced; 0 when there is none.
  std::size_t longest() const { return longest_; }

 private:
  std::size_t LongestMatchAt(std::string_view text, std::size_t position) const;

  // By first byte, longest first.
  std::array<std::vector<std::string>, 256> patterns_;
  std::size_t longest_ = 0;
};

}  // namespace vm0::supervisor
