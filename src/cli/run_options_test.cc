// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

using Variables = std::map<std::string, std::string>;

using Mode = agent::Workspace::Mode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

Result<RunOptions> ReadOptions(std::vector<std::string> arguments,
                               const Environment& environment = Environment()) {
  RunArguments run;
  ArgumentParser parser("run", "Run an agent");
  run.Declare(parser);
  arguments.insert(arguments.begin(), {"agent", "prompt"});
  const auto parsed = parser.Parse(arguments);
  if (!parsed) return Fail(parsed.error());
  return run.Read(environment);
}

std::string ErrorFor(std::vector<std::string> arguments, const Environment& environment = {}) {
  const auto options = ReadOptions(std::move(arguments), environment);
  return options ? "no error" : options.error().message;
}

TEST(RunOptions, VariablesSplitAtTheFirstEqualsAndTheLastOneWins) {
  const auto options = ReadOptions({"-e", "A=1", "-e", "B=x=y=", "-e", "A=2"});
  ASSERT_TRUE(options.has_value());
  EXPECT_THAT(options->environment, ElementsAre(Pair("A", "2"), Pair("B", "x=y=")));
}

TEST(RunOptions, BadVariablesGetTheReferencesText) {
  for (const std::string text : {"A", "=1", "A=", "", "="})
    EXPECT_EQ(ErrorFor({"-e", text}), "Invalid env var format: " + text + " (expected key=value)");
}

TEST(RunOptions, SecretsWithoutValueAreOnlyNamed) {
  const auto options = ReadOptions({"--secret", "API_KEY", "--secret", "B=v"});
  ASSERT_TRUE(options.has_value());
  EXPECT_THAT(options->secrets, ElementsAre(Pair("B", "v")));
  EXPECT_THAT(options->named_secrets, ElementsAre("API_KEY"));
  EXPECT_THAT(ErrorFor({"--secret", "a b"}), HasSubstr("a b"));
}

TEST(RunOptions, VarsAreForTheConfig) {
  const auto options = ReadOptions({"--var", "A=1", "--var", "A=2", "--env-file", "x.env"});
  ASSERT_TRUE(options.has_value());
  EXPECT_THAT(options->vars, ElementsAre(Pair("A", "2")));
  EXPECT_EQ(options->env_file, "x.env");
  EXPECT_EQ(ErrorFor({"--var", "A"}), "Invalid --var format: A (expected name=value)");
}

TEST(RunOptions, ATimeoutBeyondWhatServersTakeIsRefusedByName) {
  EXPECT_EQ(ErrorFor({"--timeout", "7d"}), "no error");
  EXPECT_EQ(ErrorFor({"--timeout", "7d1s"}), "--timeout must be at most 7d");
}

TEST(RunOptions, AnErrorNeverShowsASecretsValue) {
  EXPECT_THAT(ErrorFor({"--secret", "=hidden"}), Not(HasSubstr("hidden")));
}

TEST(RunOptions, WorkspacesAreCopiesUnlessTheySayOtherwise) {
  const auto workspace = [](const std::string& text) { return *ParseWorkspace(text); };
  EXPECT_EQ(workspace("dir").mode, Mode::kCopy);
  EXPECT_EQ(workspace("dir:copy").mode, Mode::kCopy);
  EXPECT_EQ(workspace("dir:ro").mode, Mode::kReadOnly);
  EXPECT_EQ(workspace("/a/b:rw").mode, Mode::kReadWrite);
  EXPECT_EQ(workspace("/a/b:rw").path, "/a/b");
  EXPECT_EQ(workspace("a:b").path, "a:b");
  EXPECT_EQ(workspace("a:fresh").path, "a:fresh");
  EXPECT_EQ(workspace("a:ro:rw").path, "a:ro");
  EXPECT_FALSE(ParseWorkspace(""));
  EXPECT_FALSE(ParseWorkspace(":rw"));
}

TEST(RunOptions, OnlyOneFormatMayBeAskedFor) {
  EXPECT_EQ(ReadOptions({"--json"})->show.format, Format::kJson);
  EXPECT_EQ(ReadOptions({"--raw"})->show.format, Format::kRaw);
  EXPECT_EQ(ReadOptions({"--quiet"})->show.format, Format::kNone);
  EXPECT_TRUE(ReadOptions({"--full"})->show.full);
  for (const auto& [one, other] : std::map<std::string, std::string>{
           {"--full", "--json"}, {"--json", "--raw"}, {"--raw", "--quiet"}, {"--quiet", "--full"}})
    EXPECT_NE(ErrorFor({one, other}), "no error");
}

TEST(RunOptions, TimeoutIsADuration) {
  EXPECT_EQ(ReadOptions({"--timeout", "30m"})->timeout, Seconds(1800));
  EXPECT_THAT(ErrorFor({"--timeout", "soon"}), HasSubstr("--timeout"));
  EXPECT_THAT(ErrorFor({"--timeout", "0"}), HasSubstr("--timeout"));
}

TEST(RunOptions, PollingIsSetByOptionThenByEnvironment) {
  const Environment environment(Variables{{"VM0_POLL_INTERVAL", "200"}});
  EXPECT_FALSE(ReadOptions({})->fetch.transport);
  EXPECT_EQ(ReadOptions({})->fetch.interval, Millis(250));
  EXPECT_EQ(ReadOptions({}, environment)->fetch.interval, Millis(200));
  EXPECT_EQ(ReadOptions({"--poll-interval", "50"}, environment)->fetch.interval, Millis(50));
  EXPECT_EQ(ReadOptions({"--transport", "poll"})->fetch.transport, client::Transport::kPoll);
  const Environment ws(Variables{{"VM0_TRANSPORT", "ws"}, {"VM0_POLL_MAX", "900"}});
  EXPECT_EQ(ReadOptions({}, ws)->fetch.transport, client::Transport::kWebSocket);
  EXPECT_EQ(ReadOptions({}, ws)->fetch.interval_max, Millis(900));
  EXPECT_EQ(ReadOptions({"--transport", "sse"}, ws)->fetch.transport, client::Transport::kSse);
  EXPECT_THAT(ErrorFor({"--transport", "pigeon"}), HasSubstr("long-poll"));
  EXPECT_THAT(ErrorFor({"--poll-interval", "9"}), HasSubstr("--poll-interval"));
  EXPECT_THAT(ErrorFor({}, Environment(Variables{{"VM0_POLL_INTERVAL", "fast"}})),
              HasSubstr("VM0_POLL_INTERVAL"));
}

TEST(RunOptions, TheLongestPauseIsNeverBelowTheFirst) {
  const auto options = ReadOptions({"--poll-interval", "8000", "--poll-max", "1000"});
  EXPECT_EQ(options->fetch.interval_max, Millis(8000));
}

TEST(RunOptions, NetworkIsOneOfThree) {
  EXPECT_EQ(ReadOptions({"--network", "none"})->network, "none");
  EXPECT_THAT(ErrorFor({"--network", "some"}), HasSubstr("allowlist"));
  EXPECT_EQ(ReadOptions({"--allow", "a.example", "--allow", "10.0.0.0/8:80"})->allow,
            (std::vector<std::string>{"a.example", "10.0.0.0/8:80"}));
  EXPECT_THAT(ErrorFor({"--allow", "https://a"}), HasSubstr("--allow: rule \"https://a\""));
}

}  // namespace
}  // namespace vm0::cli
