// SPDX-License-Identifier: Apache-2.0
#include "agent/plain_dialect.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

Plain Only(std::string_view raw) {
  const auto events = PlainDialect().Parse(raw);
  EXPECT_EQ(events.size(), 1u) << raw;
  if (events.size() != 1) return {};
  EXPECT_FALSE(events.front().parent_tool_use_id);
  return std::get<Plain>(events.front().data);
}

TEST(PlainDialect, GivesTypeAndJsonOfAnyEvent) {
  const Plain plain = Only(R"({"type":"ping","n":1})");
  EXPECT_EQ(plain.type, "ping");
  EXPECT_EQ(plain.json, R"({"type":"ping","n":1})");
  EXPECT_EQ(Only(R"({"n":1})").type, "unknown");
  EXPECT_EQ(Only("{}").json, "{}");
}

TEST(PlainDialect, RemovesWhiteSpaceOutsideOfStringsOnly) {
  EXPECT_EQ(Only("{ \"a b\" : \"c \\\" d\\\\\" , \"e\":\t[ 1 , 2 ] }\r").json,
            R"({"a b":"c \" d\\","e":[1,2]})");
}

TEST(PlainDialect, KeepsNumbersEscapesAndDuplicateKeysAsWritten) {
  const std::string raw =
      R"({"a":1.0,"b":12345678901234567890123,"c":"\u0041\ud800","a":-0,"d":1E5})";
  EXPECT_EQ(Only(raw).json, raw);
}

TEST(PlainDialect, GivesNothingForWhatIsNoEvent) {
  for (std::string_view raw : {"", "[]", "null", "{", "text", "{\"a\":\"\xff\"}"})
    EXPECT_TRUE(PlainDialect().Parse(raw).empty()) << raw;
}

TEST(PlainDialect, NeverSeesAnEnd) {
  EXPECT_FALSE(PlainDialect().has_terminal_event());
  EXPECT_FALSE(
      PlainDialect().Terminal(R"({"type":"result","subtype":"success","is_error":false})"));
}

}  // namespace
}  // namespace vm0::agent
