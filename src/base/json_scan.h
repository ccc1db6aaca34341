// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vm0 {

// Looks at JSON text without building values, so that bytes pass through as they were written.
// Accepts what JSON.parse (ECMA-404) accepts: any number, lone surrogate escapes, duplicate keys,
// insignificant white space around; values nested deeper than kMaxJsonDepth are refused. Does not
// check UTF-8 inside of strings (IsValidUtf8 does).
inline constexpr std::size_t kMaxJsonDepth = 512;

// True if all of `text` is one JSON value.
bool IsJson(std::string_view text);

// Where and why a text is not JSON.
struct JsonError {
  std::size_t position;  // in bytes, from 0
  std::string_view reason;
};
std::optional<JsonError> CheckJson(std::string_view text);

// One member of an object, as views into the scanned text.
struct JsonMember {
  std::string_view key;           // raw, without the quotes, escapes not decoded
  std::string_view value;         // raw, white space around it removed
  std::string_view spaced_value;  // all from the colon to the next comma or the object's end

  // Whether the key means `name`, escapes decoded.
  bool HasKey(std::string_view name) const;
};

// Steps through the members of one JSON object. Usage:
//   JsonObjectScanner scan(text);
//   while (auto member = scan.Next()) …
//   if (!scan.ok()) not one valid JSON object;
// The text must outlive the scanner and the views.
class JsonObjectScanner {
 public:
  explicit JsonObjectScanner(std::string_view text);
  // The next member, or nullopt at the end or at the first error; each value is fully validated.
  std::optional<JsonMember> Next();
  // After Next() gave nullopt: whether the whole text was one valid object.
  bool ok() const { return state_ == State::kDone; }

 private:
  enum class State { kStart, kMembers, kDone, kError };
  std::string_view text_;
  std::size_t position_ = 0;
  State state_ = State::kStart;
};

// The elements of one JSON array, the same way.
class JsonArrayScanner {
 public:
  explicit JsonArrayScanner(std::string_view text);
  std::optional<std::string_view> Next();
  bool ok() const { return state_ == State::kDone; }

 private:
  enum class State { kStart, kElements, kDone, kError };
  std::string_view text_;
  std::size_t position_ = 0;
  State state_ = State::kStart;
};

// The string that a raw JSON string (with its quotes) means, as UTF-8; each lone surrogate becomes
// U+FFFD. Bytes that are not valid UTF-8 stay as they are. nullopt if it is not a valid JSON
// string.
std::optional<std::string> DecodeJsonString(std::string_view raw);

}  // namespace vm0
