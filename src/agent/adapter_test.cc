// SPDX-License-Identifier: Apache-2.0
#include "agent/adapter.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

using Strings = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

TEST(Adapters, AreFoundByName) {
  EXPECT_EQ(AdapterNames(), (std::vector<std::string_view>{"claude-code", "command"}));
  for (const std::string_view name : AdapterNames()) EXPECT_EQ(FindAdapter(name)->name(), name);
  EXPECT_EQ(FindAdapter("claude"), nullptr);
  EXPECT_EQ(FindAdapter(""), nullptr);
}

const Adapter& Claude() { return *FindAdapter("claude-code"); }

Strings ClaudeArguments(std::string prompt) {
  return Claude()
      .Command({.prompt = std::move(prompt), .binary = "/opt/claude", .command = {}})
      .argv;
}

TEST(ClaudeCodeAdapter, StartsClaudeWithStreamJson) {
  EXPECT_EQ(ClaudeArguments("fix the bug"),
            (Strings{"/opt/claude", "-p", "--verbose", "--output-format", "stream-json",
                     "--dangerously-skip-permissions", "--", "fix the bug"}));
  EXPECT_EQ(Claude().program(), "claude");
  EXPECT_EQ(Claude().display_name(), "Claude Code");
  EXPECT_EQ(Claude().default_dialect().name(), "claude-code");
}

TEST(ClaudeCodeAdapter, AsksForPartialMessagesOnlyIfWanted) {
  const Launch launch =
      Claude().Command({.prompt = "p", .binary = "/c", .command = {}, .partial = true});
  EXPECT_EQ(launch.argv,
            (Strings{"/c", "-p", "--verbose", "--output-format", "stream-json",
                     "--include-partial-messages", "--dangerously-skip-permissions", "--", "p"}));
}

TEST(ClaudeCodeAdapter, NeverLetsAPromptBeAnOption) {
  for (const char* prompt : {"--help", "-", "--", "-p", "--model=x do it"}) {
    const Strings argv = ClaudeArguments(prompt);
    EXPECT_EQ(argv[argv.size() - 2], "--");
    EXPECT_EQ(argv.back(), prompt);
  }
}

TEST(ClaudeCodeAdapter, NeverLetsAPromptBeASubcommand) {
  EXPECT_EQ(ClaudeArguments("update").back(), "update\n");
  EXPECT_EQ(ClaudeArguments("mcp").back(), "mcp\n");
  EXPECT_EQ(ClaudeArguments("update the docs").back(), "update the docs");
  EXPECT_EQ(ClaudeArguments("hello").back(), "hello");
}

TEST(ClaudeCodeAdapter, SetsWhatClaudeNeedsInASandbox) {
  const Launch launch = Claude().Command({.prompt = "p", .binary = "/c", .command = {}});
  EXPECT_EQ(launch.environment, (Environment{{"DISABLE_AUTOUPDATER", "1"},
                                             {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"},
                                             {"IS_SANDBOX", "1"}}));
}

TEST(ClaudeCodeAdapter, KnowsItsCredentials) {
  EXPECT_EQ(Claude().credential_variables(),
            (std::vector<std::string_view>{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                           "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL"}));
  EXPECT_FALSE(Claude().HasCredential({}));
  EXPECT_FALSE(Claude().HasCredential({"ANTHROPIC_BASE_URL", "OPENAI_API_KEY"}));
  for (const char* name : {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"})
    EXPECT_TRUE(Claude().HasCredential({"ANTHROPIC_BASE_URL", name})) << name;
  EXPECT_NE(Claude().credential_remedy().find("claude setup-token"), std::string_view::npos);
  EXPECT_NE(Claude().credential_remedy().find("ANTHROPIC_API_KEY"), std::string_view::npos);
}

TEST(CommandAdapter, AppendsThePromptAndPutsItInTheEnvironment) {
  const Adapter& adapter = *FindAdapter("command");
  const Launch launch = adapter.Command(
      {.prompt = "-rf /\n\"x\" $HOME", .binary = "", .command = {"./agent.sh", "--json"}});
  EXPECT_EQ(launch.argv, (Strings{"./agent.sh", "--json", "-rf /\n\"x\" $HOME"}));
  EXPECT_EQ(launch.environment, (Environment{{"VM0_PROMPT", "-rf /\n\"x\" $HOME"}}));
}

TEST(CommandAdapter, NeedsNoProgramAndNoCredential) {
  const Adapter& adapter = *FindAdapter("command");
  EXPECT_EQ(adapter.program(), "");
  EXPECT_EQ(adapter.default_dialect().name(), "plain");
  EXPECT_TRUE(adapter.credential_variables().empty());
  EXPECT_TRUE(adapter.HasCredential({}));
  EXPECT_EQ(adapter.credential_remedy(), "");
}

}  // namespace
}  // namespace vm0::agent
