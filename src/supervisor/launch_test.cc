// SPDX-License-Identifier: Apache-2.0
#include "supervisor/launch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/config.h"
#include "supervisor/test_folder.h"

namespace vm0::supervisor {
namespace {

constexpr const char* kSearchPath = "/opt/tools:relative:/usr/bin";

class LaunchTest : public ::testing::Test {
 protected:
  LaunchTest() {
    run.run_id = "the-id";
    run.spec.provider = "command";
    run.spec.command = {"/opt/agent/bin/agent", "-x"};
    run.spec.prompt = "say hi";
    run.spec.network = "full";
  }
  sandbox::BoxSpec Make(const std::map<std::string, std::string>& secrets = {}) {
    auto spec = MakeBoxSpec(run, dir, secrets, kSearchPath);
    EXPECT_TRUE(spec) << spec.error().message;
    return spec.value_or(sandbox::BoxSpec());
  }
  TestFolder folder;
  RunDir dir{folder.path()};
  StoredRun run;
};

TEST_F(LaunchTest, GivesTheAgentThisEnvironmentAndNoOther) {
  EXPECT_EQ(Make().environment,
            (std::map<std::string, std::string>{
                {"PATH", "/opt/agent/bin:/opt/tools:/usr/bin:/usr/local/bin:/bin"},
                {"LANG", "C.UTF-8"},
                {"TERM", "dumb"},
                {"USER", "agent"},
                {"LOGNAME", "agent"},
                {"VM0_RUN_ID", "the-id"},
                {"VM0_PROMPT", "say hi"}}));
}

TEST_F(LaunchTest, LetsSecretsWinOverVariablesAndThoseOverOurs) {
  run.spec.environment = {
      {"A", "variable"}, {"B", "variable"}, {"LANG", "de"}, {"VM0_RUN_ID", "x"}};
  const auto environment = Make({{"B", "secret"}, {"C", "secret"}}).environment;
  EXPECT_EQ(environment.at("A"), "variable");
  EXPECT_EQ(environment.at("B"), "secret");
  EXPECT_EQ(environment.at("C"), "secret");
  EXPECT_EQ(environment.at("LANG"), "de");
  EXPECT_EQ(environment.at("VM0_RUN_ID"), "the-id") << "what is left of a run is found by it";
}

TEST_F(LaunchTest, WorksInTheFolderThatTheModeMeans) {
  EXPECT_EQ(Make().workspace, dir.workspace());
  run.spec.workspace = {agent::Workspace::Mode::kCopy, "/home/u/p"};
  EXPECT_EQ(Make().workspace, dir.workspace());
  EXPECT_EQ(Make().workspace_kind, sandbox::WorkspaceKind::kOwn);
  run.spec.workspace.mode = agent::Workspace::Mode::kReadWrite;
  EXPECT_EQ(Make().workspace, "/home/u/p");
  EXPECT_EQ(Make().workspace_kind, sandbox::WorkspaceKind::kUsers);
  run.spec.workspace.mode = agent::Workspace::Mode::kReadOnly;
  EXPECT_EQ(Make().workspace_kind, sandbox::WorkspaceKind::kUsersReadOnly);
}

TEST_F(LaunchTest, LooksForTheProgramThatTheSpecDoesNotName) {
  run.spec.provider = "claude-code";
  const auto missing = MakeBoxSpec(run, dir, {}, folder.path());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  const auto program = folder.path() / "claude";
  std::ofstream(program) << "#!/bin/sh\n";
  ::chmod(program.c_str(), 0755);
  const auto found = MakeBoxSpec(run, dir, {}, folder.path());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->argv.front(), program);
  run.spec.binary = "/opt/claude";
  EXPECT_EQ(Make().argv.front(), "/opt/claude");
}

TEST_F(LaunchTest, ShowsAProgramOfTheHostToThoseWhoMayNameOne) {
  EXPECT_FALSE(Make().show_installation);
  run.spec.host_scope = true;
  EXPECT_TRUE(Make().show_installation);
  run.spec.host_scope = false;
  run.spec.provider = "claude-code";
  run.spec.binary = "/opt/claude";
  EXPECT_TRUE(Make().show_installation) << "the runner's owner chose it";
}

TEST_F(LaunchTest, LooksForInterpretersWhereTheRunnerFindsProgramsAndNotWhereAUserSays) {
  run.spec.provider = "claude-code";
  run.spec.binary = "/opt/bin/claude";
  run.spec.environment["PATH"] = "/somebodys";
  EXPECT_EQ(Make().environment.at("PATH"), "/somebodys");
  EXPECT_TRUE(Make().host_path.starts_with("/opt/bin:")) << Make().host_path;
  EXPECT_EQ(Make().host_path.find("/somebodys"), std::string::npos);
  run.spec.host_scope = true;
  EXPECT_EQ(Make().host_path, "/somebodys");
}

TEST_F(LaunchTest, RefusesAProviderThatItDoesNotKnow) {
  run.spec.provider = "hal";
  const auto spec = MakeBoxSpec(run, dir, {}, kSearchPath);
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, "provider \"hal\" is unknown to this runner");
}

TEST_F(LaunchTest, TakesTheRunsUserFromItsFile) {
  EXPECT_EQ(Make().run_uid, std::nullopt);
  std::ofstream(dir.uid()) << "70001\n";
  EXPECT_EQ(Make().run_uid, uid_t{70001});
  for (const char* bad : {"", "0", "-1", "root"}) {
    std::ofstream(dir.uid()) << bad;
    EXPECT_FALSE(MakeBoxSpec(run, dir, {}, kSearchPath)) << bad;
  }
}

TEST_F(LaunchTest, SpecJsonKeepsTheRun) {
  run.attempt = 2;
  run.server = "unix:/x/server.sock";
  run.spec.dialect = "plain";
  const std::string text = FormatStoredRun(run, agent::ToJson(run.spec));
  const auto stored = ParseStoredRun(text);
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->run_id, run.run_id);
  EXPECT_EQ(stored->attempt, 2);
  EXPECT_EQ(stored->server, run.server);
  EXPECT_EQ(stored->spec.command, run.spec.command);
  const auto newer = ParseStoredRun("{\"v\":2}");
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().message, "spec.json has version 2: this vm0 knows version 1");
}

TEST_F(LaunchTest, SpecJsonNamesAnAttemptThatThereCanBe) {
  run.spec.dialect = "plain";
  for (const int attempt : {-3, 0, agent::kMostAttempts + 1}) {
    run.attempt = attempt;
    const auto stored = ParseStoredRun(FormatStoredRun(run, agent::ToJson(run.spec)));
    ASSERT_FALSE(stored) << attempt;
    EXPECT_EQ(stored.error().message, "spec.json: attempt is missing or not from 1 to 10");
  }
  run.attempt = agent::kMostAttempts;
  EXPECT_TRUE(ParseStoredRun(FormatStoredRun(run, agent::ToJson(run.spec))));
}

TEST_F(LaunchTest, ForgettingLeavesSpecJsonToTheLast) {
  for (const auto& file : {dir.spec(), dir.token(), dir.elapsed(), dir.spool()}) {
    std::ofstream(file) << "x";
  }
  ASSERT_TRUE(dir.Forget(RunDir::Spool::kKeep));
  EXPECT_TRUE(std::filesystem::exists(dir.spool()));
  EXPECT_FALSE(std::filesystem::exists(dir.spec()));
  ASSERT_TRUE(dir.Forget(RunDir::Spool::kRemove)) << "twice is fine";
  EXPECT_FALSE(std::filesystem::exists(dir.spool()));
  // Something that can't be removed keeps spec.json: the run is found again.
  std::ofstream(dir.spec()) << "x";
  std::filesystem::create_directories(dir.token() / "full");
  EXPECT_FALSE(dir.Forget(RunDir::Spool::kRemove));
  EXPECT_TRUE(std::filesystem::exists(dir.spec()));
}

}  // namespace
}  // namespace vm0::supervisor
