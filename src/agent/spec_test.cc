// SPDX-License-Identifier: Apache-2.0
#include "agent/spec.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

RunSpec FullSpec() {
  RunSpec spec{.provider = "command",
               .dialect = "plain",
               .command = {"./agent.sh", "--x"},
               .binary = "/opt/a",
               .prompt = "say \"hi\"\n\xe2\x80\xa8",
               .partial = true,
               .environment = {{"A", "1"}, {"B", ""}},
               .workspace = {.mode = Workspace::Mode::kReadWrite, .path = "/home/u/p"},
               .working_dir = "/workspace/sub",
               .sandbox = "none",
               .network = "allowlist",
               .allow = {"api.example.com:443"},
               .deny = {"10.0.0.0/8:*"},
               .host_scope = true,
               .limits = {},
               .line_limit_bytes = 1000,
               .spool_limit_bytes = 2000};
  spec.limits.memory_bytes = 4LL << 30;
  spec.limits.cpu = 0.5;
  spec.limits.files = 5000;
  spec.limits.open_files = 64;
  spec.limits.timeout = Seconds(1800);
  spec.limits.idle_timeout = Seconds(60);
  return spec;
}

std::string RefusalOf(json::object object) {
  auto spec = ParseRunSpec(object);
  return spec ? "accepted" : spec.error().message;
}

json::object With(std::string_view name, json::value value) {
  json::object object = ToJson(FullSpec());
  object[name] = std::move(value);
  return object;
}

TEST(RunSpec, KeepsEveryFieldThroughJson) {
  const json::object written = ToJson(FullSpec());
  const auto text = vm0::ToJson(json::value(written));
  const auto parsed = ParseRunSpec(*ParseJsonObject(text, "spec"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(ToJson(*parsed), written);
  EXPECT_EQ(parsed->prompt, FullSpec().prompt);
  EXPECT_EQ(parsed->command, FullSpec().command);
  EXPECT_EQ(parsed->environment, FullSpec().environment);
  EXPECT_EQ(parsed->workspace.mode, Workspace::Mode::kReadWrite);
  EXPECT_EQ(parsed->limits.timeout, Seconds(1800));
  EXPECT_EQ(parsed->limits.cpu, 0.5);
  EXPECT_EQ(parsed->limits.files, 5000);
  EXPECT_EQ(parsed->limits.open_files, 64);
  EXPECT_EQ(parsed->limits.pids, std::nullopt);
}

TEST(RunSpec, FillsWhatIsAbsentWithDefaults) {
  const auto spec = ParseRunSpec({{"v", 1}, {"provider", "command"}, {"dialect", "plain"}});
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->workspace.mode, Workspace::Mode::kFresh);
  EXPECT_EQ(spec->line_limit_bytes, 8 << 20);
  EXPECT_EQ(spec->spool_limit_bytes, 1LL << 30);
}

TEST(IsSecretName, GoesByTheEndInCapitalsOrNot) {
  for (const char* name : {"API_KEY", "KEY", "api_key", "Github_Token", "X_SECRET", "PASSWORD"})
    EXPECT_TRUE(IsSecretName(name)) << name;
  for (const char* name : {"KEYBOARD", "TOKENS", "SECRET_NAME", ""})
    EXPECT_FALSE(IsSecretName(name)) << name;
}

TEST(RunSpec, RefusesAnotherVersionByItsNumber) {
  EXPECT_EQ(RefusalOf(With("v", 2)), "spec.v is 2: this vm0 knows version 1 only");
  json::object without = ToJson(FullSpec());
  without.erase("v");
  EXPECT_EQ(RefusalOf(without), "spec.v is missing: this vm0 knows version 1 only");
}

TEST(RunSpec, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(RefusalOf(With("prompt", 3)), "spec.prompt must be a string");
  EXPECT_EQ(RefusalOf(With("command", json::array{1})), "spec.command must be an array of strings");
  EXPECT_EQ(RefusalOf(With("environment", json::object{{"A", 1}})),
            "spec.environment.A must be a string");
  EXPECT_EQ(RefusalOf(With("workspace", json::object{{"mode", "x"}})),
            "spec.workspace.mode must be fresh, copy, ro or rw");
  EXPECT_EQ(RefusalOf(With("workspace", json::object{{"mode", "rw"}, {"path", "p"}})),
            "spec.workspace.path must be an absolute path");
  EXPECT_EQ(RefusalOf(With("lineLimitBytes", 0)), "spec.lineLimitBytes must be at least 1");
  EXPECT_EQ(RefusalOf(With("lineLimitBytes", 1 << 30)),
            "spec.lineLimitBytes must be at most 16 MiB");
  EXPECT_EQ(RefusalOf(With("dialect", "")), "spec.dialect is missing");
}

}  // namespace
}  // namespace vm0::agent
