// SPDX-License-Identifier: Apache-2.0
#include "base/json_scan.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "base/json_walk.h"
#include "base/utf8.h"

namespace vm0 {
namespace {

struct IgnoreAll {
  void BeginObject() {}
  void Key(std::string_view) {}
  void EndObject() {}
  void BeginArray() {}
  void EndArray() {}
  void String(std::string_view) {}
  void Number(std::string_view) {}
  void Literal(std::string_view) {}
};

bool SkipValue(std::string_view text, std::size_t& position, std::size_t max_depth) {
  IgnoreAll ignore;
  JsonWalker<IgnoreAll> walker(text, position, ignore);
  const bool ok = walker.Walk(max_depth);
  position = walker.position();
  return ok;
}

// Bytes that end the plain part of a string: '"', '\\' and control characters.
constexpr std::array<bool, 256> MakeSpecial() {
  std::array<bool, 256> special{};
  for (std::size_t i = 0; i < 0x20; ++i) special[i] = true;
  special['"'] = true;
  special['\\'] = true;
  return special;
}
constexpr auto kSpecial = MakeSpecial();

// `byte` in each of eight bytes.
constexpr std::uint64_t Eight(std::uint64_t byte) { return byte * 0x0101010101010101; }

// Whether any of eight bytes is special: a quote, a backslash or below a space. The tests are exact
// for "none"; which one it is, the table says.
bool HasSpecial(const char* eight) {
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof word);
  const auto zeros = [](std::uint64_t w) { return (w - Eight(0x01)) & ~w; };
  const std::uint64_t below_space = (word - Eight(0x20)) & ~word;
  const std::uint64_t found = zeros(word ^ Eight('"')) | zeros(word ^ Eight('\\')) | below_space;
  return (found & Eight(0x80)) != 0;
}

// The first special byte from `position` on, or the size.
std::size_t FindSpecial(std::string_view text, std::size_t position) {
  while (text.size() - position >= 8 && !HasSpecial(text.data() + position)) position += 8;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  while (position < text.size() && !kSpecial[bytes[position]]) ++position;
  return position;
}

bool IsDigit(std::string_view text, std::size_t position) {
  return position < text.size() && text[position] >= '0' && text[position] <= '9';
}

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// At the byte after the backslash.
bool SkipEscape(std::string_view text, std::size_t& position) {
  if (position >= text.size()) return false;
  if (text[position] != 'u') {
    if (std::string_view("\"\\/bfnrt").find(text[position]) == std::string_view::npos) return false;
    ++position;
    return true;
  }
  ++position;
  for (int i = 0; i < 4; ++i, ++position) {
    if (position >= text.size() || HexValue(text[position]) < 0) return false;
  }
  return true;
}

bool SkipDigits(std::string_view text, std::size_t& position) {
  if (!IsDigit(text, position)) return false;
  while (IsDigit(text, position)) ++position;
  return true;
}

// The code unit of a valid escape \uXXXX at `position`, or nullopt if none begins there.
std::optional<std::uint32_t> UnitAt(std::string_view text, std::size_t position) {
  if (text.size() < position + 6 || text.substr(position, 2) != "\\u") return std::nullopt;
  std::uint32_t unit = 0;
  for (std::size_t i = position + 2; i < position + 6; ++i) {
    unit = unit << 4 | static_cast<std::uint32_t>(HexValue(text[i]));
  }
  return unit;
}

bool IsHighSurrogate(std::uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsLowSurrogate(std::uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

// What the escape \uXXXX at `position` means together with the next one.
struct UnicodeEscape {
  std::optional<std::uint32_t> code_point;  // nullopt for a lone surrogate
  std::size_t size;                         // 6, or 12 for a pair
};

UnicodeEscape UnicodeEscapeAt(std::string_view text, std::size_t position) {
  const std::uint32_t unit = *UnitAt(text, position);
  if (IsLowSurrogate(unit)) return {std::nullopt, 6};
  if (!IsHighSurrogate(unit)) return {unit, 6};
  const auto next = UnitAt(text, position + 6);
  if (!next || !IsLowSurrogate(*next)) return {std::nullopt, 6};
  return {0x10000 + ((unit - 0xd800) << 10) + (*next - 0xdc00), 12};
}

char ShortEscape(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

// `inner` is what stands between the quotes of a valid JSON string.
std::string DecodeInner(std::string_view inner) {
  std::string out;
  out.reserve(inner.size());
  std::size_t position = 0;
  while (position < inner.size()) {
    const std::size_t escape = inner.find('\\', position);
    out.append(inner.substr(position, escape - position));
    if (escape == std::string_view::npos) break;
    if (inner[escape + 1] != 'u') {
      out += ShortEscape(inner[escape + 1]);
      position = escape + 2;
      continue;
    }
    const UnicodeEscape unicode = UnicodeEscapeAt(inner, escape);
    if (unicode.code_point) {
      AppendUtf8(out, *unicode.code_point);
    } else {
      out.append(kReplacementCharacter);
    }
    position = escape + unicode.size;
  }
  return out;
}

}  // namespace

std::size_t SkipJsonSpace(std::string_view text, std::size_t position) {
  while (position < text.size() && (text[position] == ' ' || text[position] == '\t' ||
                                    text[position] == '\n' || text[position] == '\r')) {
    ++position;
  }
  return position;
}

bool SkipJsonString(std::string_view text, std::size_t& position) {
  if (position >= text.size() || text[position] != '"') return false;
  ++position;
  for (;;) {
    position = FindSpecial(text, position);
    if (position >= text.size()) return false;
    if (text[position] == '"') {
      ++position;
      return true;
    }
    if (text[position] != '\\') return false;
    ++position;
    if (!SkipEscape(text, position)) return false;
  }
}

bool SkipJsonNumber(std::string_view text, std::size_t& position) {
  if (position < text.size() && text[position] == '-') ++position;
  if (position < text.size() && text[position] == '0') {
    ++position;
  } else if (!SkipDigits(text, position)) {
    return false;
  }
  if (position < text.size() && text[position] == '.') {
    ++position;
    if (!SkipDigits(text, position)) return false;
  }
  if (position < text.size() && (text[position] == 'e' || text[position] == 'E')) {
    ++position;
    if (position < text.size() && (text[position] == '+' || text[position] == '-')) ++position;
    if (!SkipDigits(text, position)) return false;
  }
  return true;
}

bool SkipJsonLiteral(std::string_view text, std::size_t& position) {
  for (const std::string_view literal : {"true", "false", "null"}) {
    if (!text.substr(position).starts_with(literal)) continue;
    position += literal.size();
    return true;
  }
  return false;
}

std::optional<JsonError> CheckJson(std::string_view text) {
  IgnoreAll ignore;
  JsonWalker<IgnoreAll> walker(text, 0, ignore);
  const bool ok = walker.Walk(kMaxJsonDepth);
  const std::size_t end = ok ? SkipJsonSpace(text, walker.position()) : walker.position();
  if (ok && end == text.size()) return std::nullopt;
  if (walker.too_deep()) return JsonError{end, "nested too deep"};
  if (end >= text.size()) return JsonError{end, "unexpected end"};
  return JsonError{end, "unexpected character"};
}

bool IsJson(std::string_view text) { return !CheckJson(text); }

bool JsonMember::HasKey(std::string_view name) const {
  if (key.find('\\') == std::string_view::npos) return key == name;
  return DecodeInner(key) == name;
}

JsonObjectScanner::JsonObjectScanner(std::string_view text) : text_(text) {}

std::optional<JsonMember> JsonObjectScanner::Next() {
  if (state_ == State::kDone || state_ == State::kError) return std::nullopt;
  const bool first = state_ == State::kStart;
  state_ = State::kError;  // unless all goes well below
  const auto at = [&](char expected) {
    position_ = SkipJsonSpace(text_, position_);
    if (position_ >= text_.size() || text_[position_] != expected) return false;
    ++position_;
    return true;
  };
  if (first && !at('{')) return std::nullopt;
  if (at('}')) {
    if (SkipJsonSpace(text_, position_) == text_.size()) state_ = State::kDone;
    return std::nullopt;
  }
  if (!first && !at(',')) return std::nullopt;
  position_ = SkipJsonSpace(text_, position_);
  const std::size_t key_start = position_ + 1;
  if (!SkipJsonString(text_, position_)) return std::nullopt;
  const std::string_view key = text_.substr(key_start, position_ - 1 - key_start);
  if (!at(':')) return std::nullopt;
  const std::size_t colon_end = position_;
  position_ = SkipJsonSpace(text_, position_);
  const std::size_t value_start = position_;
  if (!SkipValue(text_, position_, kMaxJsonDepth - 1)) return std::nullopt;
  const std::string_view value = text_.substr(value_start, position_ - value_start);
  position_ = SkipJsonSpace(text_, position_);
  state_ = State::kMembers;
  return JsonMember{key, value, text_.substr(colon_end, position_ - colon_end)};
}

JsonArrayScanner::JsonArrayScanner(std::string_view text) : text_(text) {}

std::optional<std::string_view> JsonArrayScanner::Next() {
  if (state_ == State::kDone || state_ == State::kError) return std::nullopt;
  const bool first = state_ == State::kStart;
  state_ = State::kError;  // unless all goes well below
  const auto at = [&](char expected) {
    position_ = SkipJsonSpace(text_, position_);
    if (position_ >= text_.size() || text_[position_] != expected) return false;
    ++position_;
    return true;
  };
  if (first && !at('[')) return std::nullopt;
  if (at(']')) {
    if (SkipJsonSpace(text_, position_) == text_.size()) state_ = State::kDone;
    return std::nullopt;
  }
  if (!first && !at(',')) return std::nullopt;
  position_ = SkipJsonSpace(text_, position_);
  const std::size_t start = position_;
  if (!SkipValue(text_, position_, kMaxJsonDepth - 1)) return std::nullopt;
  state_ = State::kElements;
  return text_.substr(start, position_ - start);
}

std::optional<std::string> DecodeJsonString(std::string_view raw) {
  std::size_t position = 0;
  if (!SkipJsonString(raw, position) || position != raw.size()) return std::nullopt;
  return DecodeInner(raw.substr(1, raw.size() - 2));
}

}  // namespace vm0
