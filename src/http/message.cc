// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <algorithm>

#include "base/text.h"

namespace vm0::http {
namespace {

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

enum class Plus { kPlus, kSpace };

Result<std::string> PercentDecode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kSpace) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const auto high = i + 2 < text.size() ? HexDigit(text[i + 1]) : std::nullopt;
      const auto low = high ? HexDigit(text[i + 2]) : std::nullopt;
      if (!low) return Fail(Code::kBadRequest, "URL: '%' must be followed by two hex digits");
      decoded += static_cast<char>(*high * 16 + *low);
      i += 2;
    }
  }
  if (!IsValidUtf8(decoded)) return Fail(Code::kBadRequest, "URL: not valid UTF-8");
  if (decoded.contains('\0')) return Fail(Code::kBadRequest, "URL: contains a NUL byte");
  return decoded;
}

Status ParsePath(std::string_view path, Target& target) {
  VM0_ASSIGN(target.path, PercentDecode(path, Plus::kPlus));
  if (path == "/") return {};
  for (std::string_view segment : Split(path.substr(1), '/')) {
    VM0_ASSIGN(std::string decoded, PercentDecode(segment, Plus::kPlus));
    target.segments.push_back(std::move(decoded));
  }
  return {};
}

Status ParseQuery(std::string_view query, Target& target) {
  for (std::string_view pair : Split(query, '&')) {
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    VM0_ASSIGN(std::string name, PercentDecode(pair.substr(0, equals), Plus::kSpace));
    const auto raw = pair.substr(std::min(equals + 1, pair.size()));
    VM0_ASSIGN(std::string value, PercentDecode(raw, Plus::kSpace));
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

}  // namespace

void Headers::Set(std::string name, std::string value) {
  for (auto& [known, old] : fields_) {
    if (EqualsIgnoringCase(known, name)) {
      old = std::move(value);
      return;
    }
  }
  fields_.emplace_back(std::move(name), std::move(value));
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const auto& [known, value] : fields_) {
    if (EqualsIgnoringCase(known, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Target::Query(std::string_view name) const {
  for (auto pair = query.rbegin(); pair != query.rend(); ++pair) {
    if (pair->first == name) return pair->second;
  }
  return std::nullopt;
}

Result<Target> ParseTarget(std::string_view target) {
  if (!target.starts_with('/') || target.contains('#')) {
    return Fail(Code::kBadRequest, "request target: must be a path such as /api/agent/runs");
  }
  Target result;
  const auto question = std::min(target.find('?'), target.size());
  VM0_TRY(ParsePath(target.substr(0, question), result));
  if (question < target.size()) VM0_TRY(ParseQuery(target.substr(question + 1), result));
  return result;
}

std::string PercentEncode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9') || std::string_view("-._~").contains(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace vm0::http
