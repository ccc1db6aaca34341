// SPDX-License-Identifier: Apache-2.0
// The scanner and the parser agree on what JSON is and what it means; what is written is read
// again.
#include <map>
#include <string>

#include "base/fuzz.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/text.h"

namespace {

using namespace vm0;
using fuzz::Expect;

// The members as the scanner finds them: of duplicate keys the last one.
void CheckMembers(std::string_view text, const json::object& object) {
  std::map<std::string, std::string_view> members;
  JsonObjectScanner scan(text);
  while (const auto member = scan.Next()) {
    const auto key = DecodeJsonString("\"" + std::string(member->key) + "\"");
    Expect(key.has_value(), "a key is a string");
    Expect(member->HasKey(*key), "a key means what it says");
    members[*key] = member->value;
  }
  Expect(scan.ok(), "the scanner reads the objects that the parser reads");
  Expect(members.size() == object.size(), "scanner and parser find the same members");
  for (const auto& [key, raw] : members) {
    const json::value* value = Member(object, key);
    Expect(value != nullptr, "scanner and parser find the same keys");
    const auto parsed = ParseJson(raw);
    Expect(parsed && *parsed == *value, "scanner and parser find the same values");
  }
}

void CheckElements(std::string_view text, const json::array& array) {
  std::size_t count = 0;
  JsonArrayScanner scan(text);
  while (const auto element = scan.Next()) {
    Expect(count < array.size(), "the scanner finds no more elements than the parser");
    const auto parsed = ParseJson(*element);
    Expect(parsed && *parsed == array[count], "scanner and parser find the same elements");
    ++count;
  }
  Expect(scan.ok() && count == array.size(), "the scanner reads the arrays that the parser reads");
}

void CheckValue(std::string_view text, const json::value& value) {
  if (value.is_object()) CheckMembers(text, value.get_object());
  if (value.is_array()) CheckElements(text, value.get_array());
  if (value.is_string())
    Expect(DecodeJsonString(TrimAscii(text)) == std::string_view(value.get_string()),
           "scanner and parser decode a string the same way");
  const std::string written = ToJson(value);
  Expect(IsJson(written) && IsValidUtf8(written), "what is written is JSON");
  Expect(IsValidUtf8(DisplayText(value)), "what is shown is text");
  const auto again = ParseJson(written);
  Expect(again && ToJson(*again) == written, "what is written is read again");
  const auto pretty = ParseJson(ToPrettyJson(value));
  Expect(pretty && ToJson(*pretty) == written, "what is written prettily is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::View(data, size);
  const auto error = CheckJson(text);
  Expect(error.has_value() != IsJson(text), "what is no JSON has an error");
  if (error) Expect(error->position <= text.size(), "an error stands in the text");
  const auto value = ParseJson(text);
  Expect(value.has_value() == (!error && IsValidUtf8(text)), "scanner and parser take the same");
  if (value) CheckValue(text, *value);
  const auto quoted = DecodeJsonString(JsonQuote(text));
  Expect(quoted == ReplaceInvalidUtf8(text), "what is quoted comes back");
  return 0;
}
