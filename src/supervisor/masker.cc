// SPDX-License-Identifier: Apache-2.0
#include "supervisor/masker.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>

#include "base/text.h"
#include "base/utf8.h"

namespace vm0::supervisor {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::string_view kUpperHex = "0123456789ABCDEF";
constexpr std::string_view kLowerHex = "0123456789abcdef";

std::string JsonForm(std::string_view text) {
  const std::string quoted = JsonQuote(text);
  return quoted.substr(1, quoted.size() - 2);
}

void AppendEscape(std::string& out, std::uint32_t unit, std::string_view digits) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(unit >> shift) & 15];
}

std::uint32_t CodePointOf(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  std::uint32_t point = byte(0) & (0xff >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) point = point << 6 | (byte(i) & 0x3f);
  return point;
}

// As encoders write that escape all but ASCII.
std::string AsciiJsonForm(std::string_view text, std::string_view digits) {
  const std::string json = JsonForm(text);
  std::string out;
  for (std::size_t i = 0; i < json.size();) {
    const auto sequence = Utf8SequenceAt(json, i);
    if (sequence.size == 1) {
      out += json[i];
    } else {
      const std::uint32_t point = CodePointOf(std::string_view(json).substr(i, sequence.size));
      if (point >= 0x10000) AppendEscape(out, 0xd800 + ((point - 0x10000) >> 10), digits);
      AppendEscape(out, point >= 0x10000 ? 0xdc00 + (point & 0x3ff) : point, digits);
    }
    i += sequence.size;
  }
  return out;
}

std::string EscapeSlashes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '/') out += '\\';
    out += c;
  }
  return out;
}

std::string PercentForm(std::string_view text, std::string_view digits) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

std::string WithoutPadding(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  return text;
}

// All that is looked for on behalf of one value.
std::vector<std::string> FormsOf(const std::string& value) {
  const std::string json = JsonForm(value);
  return {value,
          json,
          JsonForm(json),
          EscapeSlashes(json),
          AsciiJsonForm(value, kLowerHex),
          AsciiJsonForm(value, kUpperHex),
          PercentForm(value, kUpperHex),
          PercentForm(value, kLowerHex),
          WithoutPadding(Base64Encode(value)),
          Base64UrlEncode(value)};
}

}  // namespace

Masker::Masker(const std::vector<std::string>& values) {
  std::set<std::string> all;
  const auto add = [&all](const std::string& value) {
    if (value.size() < kShortest) return;
    for (auto& form : FormsOf(value)) all.insert(std::move(form));
  };
  for (const std::string& value : values) {
    add(value);
    for (std::string_view line : Split(value, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      add(std::string(line));
    }
  }
  for (const std::string& pattern : all) {
    patterns_[static_cast<unsigned char>(pattern.front())].push_back(pattern);
    longest_ = std::max(longest_, pattern.size());
  }
  for (auto& same_start : patterns_) {
    std::ranges::sort(same_start, std::ranges::greater(), &std::string::size);
  }
}

std::size_t Masker::LongestMatchAt(std::string_view text, std::size_t position) const {
  for (const auto& pattern : patterns_[static_cast<unsigned char>(text[position])]) {
    if (text.substr(position).starts_with(pattern)) return pattern.size();
  }
  return 0;
}

std::string Masker::Mask(std::string_view text) const { return MaskBeginning(text, text.size()); }

std::string Masker::MaskBeginning(std::string_view text, std::size_t size) const {
  size = std::min(size, text.size());
  if (longest_ == 0) return std::string(text.substr(0, size));
  std::string out;
  std::size_t copied = 0;   // what is in `out` already
  std::size_t covered = 0;  // the end of the present run of matches
  for (std::size_t i = 0; i < std::max(size, std::min(covered, text.size())); ++i) {
    const std::size_t match = LongestMatchAt(text, i);
    if (match == 0) continue;
    if (i >= covered) {
      out.append(text.substr(copied, i - copied)).append(kMask);
    }
    covered = std::max(covered, i + match);
    copied = covered;
  }
  if (copied < size) out.append(text.substr(copied, size - copied));
  return out;
}

}  // namespace vm0::supervisor
