// SPDX-License-Identifier: Apache-2.0
#include "event/classify.h"

#include <cstddef>
#include <optional>

#include "base/json_scan.h"
#include "base/text.h"
#include "base/utf8.h"

namespace vm0::event {
namespace {

constexpr std::size_t kMaxTypeCharacters = 50;
constexpr std::string_view kUnknownType = "unknown";

std::string WrapLine(Source source, std::string_view line) {
  std::string json = "{\"type\":\"";
  json.append(NameOf(source)).append("\",\"text\":");
  AppendJsonQuoted(json, line);
  if (!IsValidUtf8(line)) json.append(",\"base64\":\"").append(Base64Encode(line)).append("\"");
  json.append("}");
  return json;
}

bool IsObject(std::string_view json) {
  const std::size_t first = json.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && json[first] == '{' && IsJson(json);
}

}  // namespace

bool IsEvent(std::string_view json) {
  return json.find('\n') == std::string_view::npos && IsObject(json) && IsValidUtf8(json);
}

Classified Classify(std::string_view line) {
  if (IsEvent(line)) return {Source::kAgent, std::string(line)};
  return {Source::kStdout, WrapLine(Source::kStdout, line)};
}

Classified ClassifyStderr(std::string_view line) {
  return {Source::kStderr, WrapLine(Source::kStderr, line)};
}

std::string TypeOf(std::string_view json) {
  std::optional<std::string> type;
  JsonObjectScanner scan(json);
  while (const auto member = scan.Next()) {
    if (member->HasKey("type")) type = DecodeJsonString(member->value);
  }
  if (!type) return std::string(kUnknownType);
  const std::size_t characters = CountUtf8Characters(*type);
  if (characters < 1 || characters > kMaxTypeCharacters) return std::string(kUnknownType);
  return *std::move(type);
}

std::string LineOf(std::string_view json) {
  std::optional<std::string> text;
  std::optional<std::string> bytes;
  JsonObjectScanner scan(json);
  while (const auto member = scan.Next()) {
    if (member->HasKey("text")) text = DecodeJsonString(member->value);
    if (!member->HasKey("base64")) continue;
    const auto encoded = DecodeJsonString(member->value);
    bytes = encoded ? Base64Decode(*encoded) : std::nullopt;
  }
  if (bytes) return *std::move(bytes);
  return std::move(text).value_or("");
}

}  // namespace vm0::event
