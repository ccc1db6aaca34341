// SPDX-License-Identifier: Apache-2.0
#include "supervisor/decoding.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/utf8.h"

namespace vm0::supervisor {
namespace {

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// The number that the first `digits` of `text` write, if they are that many hex digits.
std::optional<std::uint32_t> HexNumber(std::string_view text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  std::uint32_t number = 0;
  for (const char digit : text.substr(0, digits)) {
    if (HexValue(digit) < 0) return std::nullopt;
    number = number << 4 | static_cast<std::uint32_t>(HexValue(digit));
  }
  return number;
}

std::optional<std::uint32_t> LowSurrogateAt(std::string_view text) {
  if (!text.starts_with("\\u")) return std::nullopt;
  const auto unit = HexNumber(text.substr(2), 4);
  return unit && *unit >= 0xdc00 && *unit < 0xe000 ? unit : std::nullopt;
}

}  // namespace

const Decoding& Decoding::Json() {
  static const Decoding decoding('\\', '\\', JsonEscape);
  return decoding;
}

const Decoding& Decoding::Percent() {
  static const Decoding decoding('%', '%', PercentEscape);
  return decoding;
}

const Decoding& Decoding::Form() {
  static const Decoding decoding('%', '+', FormEscape);
  return decoding;
}

const Decoding& Decoding::Unwrapped() {
  static const Decoding decoding('\n', '\r', Nothing);
  return decoding;
}

Decoding::Meaning Decoding::Itself(std::string_view text) { return {1, 1, {text.front()}}; }

Decoding::Meaning Decoding::Nothing(std::string_view) { return {}; }

Decoding::Meaning Decoding::JsonEscape(std::string_view text) {
  if (text.size() < 2) return Itself(text);
  if (text[1] == 'u') return UnicodeEscape(text);
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t letter = kLetters.find(text[1]);
  if (letter == std::string_view::npos) return Itself(text);
  return {2, 1, {kMeanings[letter]}};
}

Decoding::Meaning Decoding::UnicodeEscape(std::string_view text) {
  const auto unit = HexNumber(text.substr(2), 4);
  if (!unit) return Itself(text);
  std::uint32_t point = *unit;
  std::size_t source_size = 6;
  if (point >= 0xd800 && point < 0xdc00) {
    if (const auto low = LowSurrogateAt(text.substr(6))) {
      point = 0x10000 + ((point - 0xd800) << 10) + (*low - 0xdc00);
      source_size = 12;
    }
  }
  std::string utf8;
  if (point >= 0xd800 && point < 0xe000) {
    utf8 = kReplacementCharacter;
  } else {
    AppendUtf8(utf8, point);
  }
  Meaning meaning{source_size, utf8.size(), {}};
  std::ranges::copy(utf8, meaning.bytes.begin());
  return meaning;
}

Decoding::Meaning Decoding::PercentEscape(std::string_view text) {
  const auto byte = HexNumber(text.substr(1), 2);
  if (!byte) return Itself(text);
  return {3, 1, {static_cast<char>(*byte)}};
}

Decoding::Meaning Decoding::FormEscape(std::string_view text) {
  if (text.front() == '+') return {1, 1, {' '}};
  return PercentEscape(text);
}

std::size_t Decoding::FindSpecial(std::string_view text, std::size_t position) const {
  if (special_ == other_special_) return std::min(text.find(special_, position), text.size());
  const auto is_special = [this](char c) { return c == special_ || c == other_special_; };
  const std::string_view rest = text.substr(position);
  return position + static_cast<std::size_t>(std::ranges::find_if(rest, is_special) - rest.begin());
}

std::string Decoding::Decode(std::string_view text) const {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t special = FindSpecial(text, position);
    decoded.append(text.substr(position, special - position));
    if (special == text.size()) break;
    const Meaning meaning = decode_(text.substr(special));
    decoded.append(meaning.bytes.data(), meaning.size);
    position = special + meaning.source_size;
  }
  return decoded;
}

std::vector<Range> Decoding::TraceBack(std::string_view text,
                                       const std::vector<Range>& ranges) const {
  std::size_t position = 0;  // in the text; `decoded` is the same place in its decoded form
  std::size_t decoded = 0;
  std::size_t special = FindSpecial(text, 0);
  // The bytes that mean byte `wanted`; must not go back.
  const auto source_of = [&](std::size_t wanted) {
    for (;;) {
      if (wanted < decoded + (special - position)) {
        const std::size_t source = position + (wanted - decoded);
        return Range{source, source + 1};
      }
      const Meaning meaning = decode_(text.substr(special));
      const std::size_t after_plain = decoded + (special - position);
      const Range escape{special, special + meaning.source_size};
      if (wanted < after_plain + meaning.size) return escape;
      decoded = after_plain + meaning.size;
      position = escape.end;
      special = FindSpecial(text, position);
    }
  };
  std::vector<Range> traced;
  for (const Range& range : ranges) {
    const std::size_t begin = source_of(range.begin).begin;
    traced.push_back({begin, source_of(range.end - 1).end});
  }
  return Joined(std::move(traced));
}

}  // namespace vm0::supervisor
