// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Values {
  bool follow = false;
  bool json = false;
  bool raw = false;
  std::optional<std::string> timeout;
  std::optional<std::int64_t> limit;
  std::vector<std::string> env;
  std::string agent;
  std::string prompt;
};

void Declare(ArgumentParser& parser, Values& values) {
  parser.Flag("-f,--follow", values.follow, "follow");
  parser.Flag("--json", values.json, "json");
  parser.Flag("--raw", values.raw, "raw");
  parser.Text("--timeout", values.timeout, "DURATION", "timeout");
  parser.Number("--limit", values.limit, 1, "N", "limit");
  parser.List("-e,--env", values.env, "K=V", "variable");
  parser.Positional("agent", values.agent, Need::kRequired, "agent");
  parser.Positional("prompt", values.prompt, Need::kRequired, "prompt");
  parser.Exclusive({"--json", "--raw"});
}

Result<bool> ParseInto(Values& values, const std::vector<std::string>& arguments) {
  ArgumentParser parser("run", "Run an agent");
  Declare(parser, values);
  return parser.Parse(arguments);
}

std::string MessageFor(const std::vector<std::string>& arguments) {
  Values values;
  const auto parsed = ParseInto(values, arguments);
  return parsed ? "no error" : parsed.error().message;
}

TEST(Options, MixOptionsAndPositionalsInAnyOrder) {
  Values values;
  ASSERT_TRUE(ParseInto(values, {"-e", "A=1", "agent", "--timeout", "5m", "do it", "--env=B=x=y",
                                 "--limit", "7", "-f"}));
  EXPECT_EQ(values.agent, "agent");
  EXPECT_EQ(values.prompt, "do it");
  EXPECT_THAT(values.env, ElementsAre("A=1", "B=x=y"));
  EXPECT_EQ(values.timeout, "5m");
  EXPECT_EQ(values.limit, 7);
  EXPECT_TRUE(values.follow);
}

TEST(Options, TakeEveryPromptAsItIs) {
  for (const std::string prompt :
       {"- a list\n- of things", "[a, b]", "\"quoted\"", "a=b", "{}", "%s \\n", "-1 is a number"}) {
    Values values;
    ASSERT_TRUE(ParseInto(values, {"agent", prompt})) << prompt;
    EXPECT_EQ(values.prompt, prompt);
  }
  Values values;
  ASSERT_TRUE(ParseInto(values, {"agent", "--", "--json"}));
  EXPECT_EQ(values.prompt, "--json");
  EXPECT_FALSE(values.json);
}

TEST(Options, KeepEveryValueOfAVariable) {
  Values values;
  ASSERT_TRUE(ParseInto(values, {"agent", "p", "-e", "A=[1,2]", "-e", "B=a b,c", "-e", ""}));
  EXPECT_THAT(values.env, ElementsAre("A=[1,2]", "B=a b,c", ""));
}

TEST(Options, RefuseWhatTheyDoNotKnow) {
  EXPECT_THAT(MessageFor({"agent", "p", "--jsn"}), HasSubstr("--jsn"));
  EXPECT_THAT(MessageFor({"agent", "p", "-x"}), HasSubstr("-x"));
  EXPECT_THAT(MessageFor({"agent", "p", "more"}), HasSubstr("more"));
  EXPECT_THAT(MessageFor({"agent"}), HasSubstr("prompt"));
  EXPECT_THAT(MessageFor({"agent", "p", "--env"}), HasSubstr("--env"));
  EXPECT_NE(MessageFor({"agent", "p", "--json=false"}), "no error");
}

TEST(Options, SayHowATextThatBeginsWithADashIsGiven) {
  for (const char* prompt : {"-x", "--help me"})
    EXPECT_EQ(MessageFor({"agent", prompt}), "There is no option \"" + std::string(prompt) +
                                                 "\"; a text that begins with - goes behind --");
}

TEST(Options, RefuseTwoFormatsAtOnce) {
  EXPECT_THAT(MessageFor({"agent", "p", "--json", "--raw"}), HasSubstr("--raw"));
}

TEST(Options, RefuseNumbersThatAreNone) {
  for (const char* value : {"0", "-1", "x", "1.5", "", "99999999999999999999"})
    EXPECT_THAT(MessageFor({"agent", "p", "--limit", value}), HasSubstr("--limit")) << value;
}

TEST(Options, HelpWinsOverErrors) {
  Values values;
  const auto parsed = ParseInto(values, {"--help"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(*parsed);
}

TEST(Options, HelpNamesEveryOption) {
  Values values;
  ArgumentParser parser("run", "Run an agent");
  Declare(parser, values);
  const std::string help = parser.Help();
  for (const char* text :
       {"vm0 run", "Run an agent", "--follow", "--timeout", "DURATION", "agent", "prompt"})
    EXPECT_THAT(help, HasSubstr(text));
}

}  // namespace
}  // namespace vm0::cli
