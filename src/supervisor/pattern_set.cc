// SPDX-License-Identifier: Apache-2.0
#include "supervisor/pattern_set.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace vm0::supervisor {
namespace {

constexpr std::size_t kLongestWindow = 255;  // a jump is one byte

std::uint16_t PairAt(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  return static_cast<std::uint16_t>(byte(position) << 8 | byte(position + 1));
}

bool IsBase64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '-' || c == '_';
}

}  // namespace

std::vector<Range> Joined(std::vector<Range> ranges) {
  std::ranges::sort(ranges, {}, &Range::begin);
  std::vector<Range> joined;
  for (const Range& range : ranges) {
    if (!joined.empty() && range.begin < joined.back().end) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

PatternSet::PatternSet(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  if (patterns_.empty()) return;
  window_ = kLongestWindow;
  for (const Pattern& pattern : patterns_) window_ = std::min(window_, pattern.text.size());
  assert(window_ >= kShortest);
  const auto last = static_cast<std::uint8_t>(window_ - 1);
  jumps_.assign(1 << 16, last);
  for (const Pattern& pattern : patterns_) {
    for (std::size_t i = 0; i + 1 < window_; ++i) {
      std::uint8_t& jump = jumps_[PairAt(pattern.text, i)];
      jump = std::min(jump, static_cast<std::uint8_t>(window_ - 2 - i));
    }
  }
  std::ranges::sort(patterns_, [this](const Pattern& a, const Pattern& b) {
    return std::pair(KeyOf(a.text), b.text.size()) < std::pair(KeyOf(b.text), a.text.size());
  });
}

std::uint16_t PatternSet::KeyOf(std::string_view text) const { return PairAt(text, window_ - 2); }

void PatternSet::Find(std::string_view text, std::vector<Range>& found) const {
  if (empty()) return;
  for (std::size_t end = window_; end <= text.size();) {
    const std::uint8_t jump = jumps_[PairAt(text, end - 2)];
    if (jump == 0) FindAt(text, end - window_, found);
    end += std::max<std::size_t>(jump, 1);
  }
}

void PatternSet::FindAt(std::string_view text, std::size_t position,
                        std::vector<Range>& found) const {
  const std::string_view rest = text.substr(position);
  const auto key_of = [this](const Pattern& pattern) { return KeyOf(pattern.text); };
  for (const Pattern& pattern : std::ranges::equal_range(patterns_, KeyOf(rest), {}, key_of)) {
    if (!rest.starts_with(pattern.text)) continue;
    Range range{position, position + pattern.text.size()};
    if (pattern.blurred_before && range.begin > 0 && IsBase64(text[range.begin - 1])) --range.begin;
    if (pattern.blurred_after && range.end < text.size() && IsBase64(text[range.end])) ++range.end;
    found.push_back(range);
    return;
  }
}

}  // namespace vm0::supervisor
