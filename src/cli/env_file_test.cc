// SPDX-License-Identifier: Apache-2.0
#include "cli/env_file.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

using Variables = std::map<std::string, std::string>;

TEST(EnvFile, KnowsNamesValuesCommentsAndQuotes) {
  const auto variables = ParseEnvFile(
      "# a comment\n\nA=1\n export B = two words  # why\nC='as # it\\n is'  # c\r\n"
      "D=\"tab\\t quote\\\" back\\\\ other\\$\"\nE=\nF=a#b\nG=# nothing\nA=2");
  ASSERT_TRUE(variables) << variables.error().message;
  EXPECT_EQ(*variables, (Variables{{"A", "2"},
                                   {"B", "two words"},
                                   {"C", "as # it\\n is"},
                                   {"D", "tab\t quote\" back\\ other\\$"},
                                   {"E", ""},
                                   {"F", "a#b"},
                                   {"G", ""}}));
}

TEST(EnvFile, LetsQuotedValuesSpanLines) {
  const auto variables = ParseEnvFile("KEY=\"-----BEGIN\nabc\n-----END\"\nB='x\ny'\n");
  ASSERT_TRUE(variables) << variables.error().message;
  EXPECT_EQ(*variables, (Variables{{"KEY", "-----BEGIN\nabc\n-----END"}, {"B", "x\ny"}}));
}

TEST(EnvFile, NamesTheLineThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"A=1\nnonsense", "line 2: expected NAME=value"},
      {"=1", "line 1: expected NAME=value"},
      {"A B=1", "line 1: expected NAME=value"},
      {"A=1\n\nB=\"x", "line 3: a quote that does not end"},
      {"A='x' y", "line 1: text after a quoted value"},
  };
  for (const auto& [text, message] : cases) {
    const auto variables = ParseEnvFile(text);
    ASSERT_FALSE(variables) << text;
    EXPECT_EQ(variables.error().message, message);
  }
}

}  // namespace
}  // namespace vm0::cli
