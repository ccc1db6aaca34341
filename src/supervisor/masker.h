// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/decoding.h"
#include "supervisor/pattern_set.h"

namespace vm0::supervisor {

// Replaces the values of secrets by "***" in what an agent prints (docs/guarantees.md says in which
// forms it knows them). Of a value of several lines each line counts as a value. An event stays an
// event: only what stands in its strings is replaced, escapes whole, and numbers become "***".
// What it gives has nothing in it that it would replace.
class Masker {
 public:
  // Shorter values and lines are left alone: they would hit anything.
  static constexpr std::size_t kShortest = 5;
  // From here on all forms are known; below only the plain and the escaped ones.
  static constexpr std::size_t kGuaranteed = 8;

  Masker() = default;
  explicit Masker(const std::vector<std::string>& values);

  std::string Mask(std::string_view text) const;
  // Only what stands in the first `size` bytes of `text`; an occurrence that starts in them and
  // ends beyond is masked whole.
  std::string MaskBeginning(std::string_view text, std::size_t size) const;
  // How much of the text behind `size` MaskBeginning wants to see; 0 when there is nothing to mask.
  std::size_t lookahead() const { return lookahead_; }

 private:
  using Decodings = std::span<const Decoding* const>;
  std::vector<Range> Find(std::string_view text, Decodings decodings) const;

  PatternSet patterns_;
  std::vector<const Decoding*> decodings_;
  std::size_t lookahead_ = 0;
};

}  // namespace vm0::supervisor
