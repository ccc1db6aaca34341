// SPDX-License-Identifier: Apache-2.0
#include "cli/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string JsonOf(std::string_view yaml) {
  const auto value = ParseYaml(yaml);
  return value ? ToJson(*value) : "error: " + value.error().message;
}

TEST(Yaml, ReadsAnAgentConfig) {
  EXPECT_EQ(JsonOf("version: \"1.0\"\n"
                   "agent:\n"
                   "  name: my-agent\n"
                   "  command: [\"./agent.sh\", -x]\n"
                   "  environment: { KEY: value, PORT: \"80\" }\n"
                   "  limits: {memory: 4GiB, pids: 512, cpu: 1.5}\n"),
            R"({"version":"1.0","agent":{"name":"my-agent","command":["./agent.sh","-x"],)"
            R"("environment":{"KEY":"value","PORT":"80"},)"
            R"("limits":{"memory":"4GiB","pids":512,"cpu":1.5}}})");
}

TEST(Yaml, ScalarsFollowTheCoreSchema) {
  EXPECT_EQ(JsonOf("[1, -1, +1, 007, 0x1F, 0o17, 1e3, .5, 1., ~, null, true, FALSE]"),
            "[1,-1,1,7,31,15,1000,0.5,1,null,null,true,false]");
  EXPECT_EQ(
      JsonOf("[yes, no, on, off, y, 1_000, 0b1, 1:30, '1', \"true\", 2025-11-20, 1.2.3, .]"),
      R"(["yes","no","on","off","y","1_000","0b1","1:30","1","true","2025-11-20","1.2.3","."])");
  EXPECT_EQ(JsonOf("key:"), R"({"key":null})");
  EXPECT_EQ(JsonOf("1: a\ntrue: b"), R"({"1":"a","true":"b"})");
}

TEST(Yaml, BlockScalarsAreStrings) {
  EXPECT_EQ(JsonOf("a: |\n  1\nb: >\n  x\n  y\n"), R"({"a":"1\n","b":"x y\n"})");
}

TEST(Yaml, TagsOfTheCoreSchemaAreObeyed) {
  EXPECT_EQ(JsonOf("[!!str 1, !!int 1, !!bool true]"), R"(["1",1,true])");
  EXPECT_THAT(JsonOf("a: !!int x"), HasSubstr("error: line 1"));
  EXPECT_THAT(JsonOf("a: !thing x"), HasSubstr("error: line 1"));
}

TEST(Yaml, AnchorsAreWrittenOut) {
  EXPECT_EQ(JsonOf("a: &x {k: [1]}\nb: *x"), R"({"a":{"k":[1]},"b":{"k":[1]}})");
}

TEST(Yaml, DuplicateKeysAreRefusedWithTheirLine) {
  EXPECT_THAT(JsonOf("a: 1\nb: 2\na: 3\n"), AllOf(HasSubstr("line 3"), HasSubstr("\"a\"")));
  EXPECT_THAT(JsonOf("x:\n  k: 1\n  'k': 1\n"), HasSubstr("duplicate key"));
}

TEST(Yaml, ErrorsNameTheLine) {
  EXPECT_THAT(JsonOf("a: 1\nb: [1, 2\n"), HasSubstr("line"));
  EXPECT_THAT(JsonOf("a: 1\n\tb: 2\n"), HasSubstr("line 2"));
  EXPECT_THAT(JsonOf("a: *nowhere"), HasSubstr("line 1"));
  EXPECT_THAT(JsonOf("[a]: 1"), HasSubstr("key"));
  EXPECT_THAT(JsonOf("a: .inf"), HasSubstr(".inf"));
  EXPECT_EQ(JsonOf("\"\\\u00f6\""), "error: line 1: unknown escape character: \uFFFD");
  EXPECT_THAT(JsonOf("a: 1\n---\nb: 2\n"), HasSubstr("second document"));
}

TEST(Yaml, AliasBombsAreRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k ? "," : "") + before;
    bomb += "]\n";
  }
  EXPECT_THAT(JsonOf(bomb), HasSubstr("values"));
  std::string text_bomb = "a: &t \"" + std::string(100'000, 'x') + "\"\nb: [";
  for (int k = 0; k < 1000; ++k) text_bomb += "*t,";
  EXPECT_THAT(JsonOf(text_bomb + "]"), HasSubstr("too large"));
}

TEST(Yaml, EndlessNestingIsRefused) {
  EXPECT_THAT(JsonOf("a: &x [*x]"), HasSubstr("error"));
  EXPECT_THAT(JsonOf(std::string(100, '[') + std::string(100, ']')), HasSubstr("error"));
  EXPECT_THAT(JsonOf(std::string(200'000, '[')), HasSubstr("error"));
  EXPECT_THAT(JsonOf(std::string(200'000, '{')), HasSubstr("error"));
}

TEST(Yaml, GarbageIsAnErrorAndNothingWorse) {
  for (const char* stray : {",", "]", "}", "a: 1\n- b", ", 1\na: |\n b"})
    EXPECT_THAT(JsonOf(stray), HasSubstr("error: line")) << stray;
  EXPECT_EQ(JsonOf(""), "null");
  EXPECT_EQ(JsonOf("# only a comment\n"), "null");
  EXPECT_THAT(JsonOf("\xff\xfe"), HasSubstr("UTF-8"));
  EXPECT_THAT(JsonOf(std::string_view("\0\0\0a", 4)), HasSubstr("NUL"));
  EXPECT_THAT(JsonOf("%YAML 9.9\n%%%\n@"), HasSubstr("error"));
  EXPECT_THAT(JsonOf(std::string(kYamlBytes + 1, 'a')), HasSubstr("larger"));
}

}  // namespace
}  // namespace vm0::cli
