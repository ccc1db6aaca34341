// SPDX-License-Identifier: Apache-2.0
#include "cli/run_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "os/file.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Variables = std::map<std::string, std::string>;

FoundAgent AgentOf(const std::string& provider) {
  FoundAgent agent;
  agent.config_id = "0193-id";
  agent.name = "my-agent";
  agent.adapter = agent::FindAdapter(provider);
  agent.config.provider = provider;
  return agent;
}

RunOptions OptionsOf(Variables environment = {}, Variables secrets = {}) {
  RunOptions options;
  options.agent = "my-agent";
  options.prompt = "do it";
  options.environment = std::move(environment);
  options.secrets = std::move(secrets);
  return options;
}

std::string BodyOf(const RunRequest& request) { return ToJson(json::value(request.body)); }

class RunRequestTest : public testing::Test {
 protected:
  RunRequestTest() {
    std::string name = testing::TempDir() + "run_request_test_XXXXXX";
    directory_ = fs::canonical(::mkdtemp(name.data()));
  }
  ~RunRequestTest() override { fs::remove_all(directory_); }

  // A PATH with a program of that name on it.
  Environment WithProgram(const std::string& name, Variables more = {}) {
    EXPECT_TRUE(os::WriteFileAtomic(directory_ / name, "#!/bin/sh\n", 0755));
    more["PATH"] = "/nowhere:" + directory_.string();
    return Environment(more);
  }

  fs::path directory_;
};

TEST_F(RunRequestTest, HasOnlyWhatWasAskedFor) {
  const auto request =
      MakeRunRequest(OptionsOf(), AgentOf("command"), Environment(), Distance::kElsewhere);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(BodyOf(*request), R"({"agentConfigId":"0193-id","prompt":"do it"})");
  EXPECT_EQ(request->variables, "");
}

TEST_F(RunRequestTest, NamesThatLookLikeSecretsBecomeSecrets) {
  const auto request =
      MakeRunRequest(OptionsOf({{"MODE", "x"}, {"DB_PASSWORD", "hidden1"}, {"A_TOKEN", "hidden2"}},
                               {{"PLAIN", "hidden3"}}),
                     AgentOf("command"), Environment(), Distance::kElsewhere);
  ASSERT_TRUE(request.has_value());
  EXPECT_THAT(BodyOf(*request), HasSubstr(R"("env":{"MODE":"x"})"));
  EXPECT_THAT(BodyOf(*request), HasSubstr(R"("DB_PASSWORD":"hidden1")"));
  EXPECT_THAT(request->notices, Contains(HasSubstr("A_TOKEN, DB_PASSWORD")));
  EXPECT_EQ(request->variables,
            R"({"A_TOKEN":"***","DB_PASSWORD":"***","MODE":"x","PLAIN":"***"})");
}

TEST_F(RunRequestTest, ANameInSmallLettersHidesItsValueAsWell) {
  RunOptions options = OptionsOf();
  options.environment = {{"api_key", "v1"}};
  const auto request = MakeRunRequest(options, AgentOf("my-agent"), {}, Distance::kSameMachine);
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_EQ(request->variables, R"({"api_key":"***"})");
  EXPECT_EQ(request->body.at("secrets"), (json::object{{"api_key", "v1"}}));
}

TEST_F(RunRequestTest, ForwardsCredentialsAndSaysWhich) {
  const auto environment =
      WithProgram("claude", {{"ANTHROPIC_API_KEY", "sk-1"}, {"ANTHROPIC_BASE_URL", "http://m"}});
  const auto request =
      MakeRunRequest(OptionsOf(), AgentOf("claude-code"), environment, Distance::kSameMachine);
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_THAT(BodyOf(*request), HasSubstr(R"("ANTHROPIC_API_KEY":"sk-1")"));
  EXPECT_THAT(request->notices, Contains(HasSubstr("ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL")));
  EXPECT_THAT(request->notices, Not(Contains(HasSubstr("sk-1"))));
  EXPECT_EQ(request->variables, "");
}

TEST_F(RunRequestTest, WhatWasGivenWinsOverTheEnvironment) {
  const auto environment = WithProgram("claude", {{"ANTHROPIC_API_KEY", "ours"}});
  const auto request = MakeRunRequest(OptionsOf({}, {{"ANTHROPIC_API_KEY", "given"}}),
                                      AgentOf("claude-code"), environment, Distance::kSameMachine);
  ASSERT_TRUE(request.has_value());
  EXPECT_THAT(BodyOf(*request), HasSubstr("given"));
  EXPECT_THAT(BodyOf(*request), Not(HasSubstr("ours")));
}

TEST_F(RunRequestTest, RefusesEarlyWithoutAnyCredential) {
  const auto environment = WithProgram("claude", {{"ANTHROPIC_BASE_URL", "http://m"}});
  const auto request =
      MakeRunRequest(OptionsOf(), AgentOf("claude-code"), environment, Distance::kSameMachine);
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().code, Code::kUnauthorized);
  EXPECT_THAT(request.error().message, HasSubstr("claude setup-token"));
}

TEST_F(RunRequestTest, ACredentialInTheConfigIsEnough) {
  auto agent = AgentOf("claude-code");
  agent.config.environment["ANTHROPIC_API_KEY"] = "x";
  EXPECT_TRUE(MakeRunRequest(OptionsOf(), agent, WithProgram("claude"), Distance::kSameMachine));
}

TEST_F(RunRequestTest, SendsTheProgramThatIsOnOurPath) {
  const auto environment = WithProgram("claude", {{"ANTHROPIC_API_KEY", "k"}});
  const auto here =
      MakeRunRequest(OptionsOf(), AgentOf("claude-code"), environment, Distance::kSameMachine);
  ASSERT_TRUE(here.has_value());
  EXPECT_EQ(here->body.at("binary").get_string(), (directory_ / "claude").string());
  const auto elsewhere =
      MakeRunRequest(OptionsOf(), AgentOf("claude-code"), environment, Distance::kElsewhere);
  EXPECT_FALSE(elsewhere->body.contains("binary"));
}

TEST_F(RunRequestTest, NeedsNoProgramHereForASandboxElsewhere) {
  RunOptions options = OptionsOf();
  options.sandbox = "e2b";
  const auto request =
      MakeRunRequest(options, AgentOf("claude-code"),
                     Environment(Variables{{"ANTHROPIC_API_KEY", "k"}}), Distance::kSameMachine);
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_FALSE(request->body.contains("binary"));
}

TEST_F(RunRequestTest, AConfigsBinaryIsLeftToTheServer) {
  auto agent = AgentOf("claude-code");
  agent.config.binary = "/opt/claude";
  const auto request =
      MakeRunRequest(OptionsOf(), agent, Environment(Variables{{"ANTHROPIC_API_KEY", "k"}}),
                     Distance::kSameMachine);
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_FALSE(request->body.contains("binary"));
}

TEST_F(RunRequestTest, AMissingProgramNamesItself) {
  const auto request =
      MakeRunRequest(OptionsOf(), AgentOf("claude-code"),
                     Environment(Variables{{"ANTHROPIC_API_KEY", "k"}, {"PATH", "/nowhere"}}),
                     Distance::kSameMachine);
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().code, Code::kNotFound);
  EXPECT_THAT(request.error().message, HasSubstr("`claude`"));
}

TEST_F(RunRequestTest, WorkspacesAreAbsoluteFoldersThatExist) {
  const auto with = [this](const std::string& path, Distance distance) {
    auto options = OptionsOf();
    options.workspace = {.mode = agent::Workspace::Mode::kReadOnly, .path = path};
    return MakeRunRequest(options, AgentOf("command"), Environment(), distance);
  };
  fs::create_directory_symlink(directory_, directory_ / "link");
  const auto here = with((directory_ / "link/.").string(), Distance::kSameMachine);
  ASSERT_TRUE(here.has_value());
  EXPECT_EQ(ToJson(here->body.at("workspace")),
            R"({"path":")" + directory_.string() + R"(","mode":"ro"})");
  EXPECT_EQ(with("/nowhere/at/all", Distance::kSameMachine).error().code, Code::kNotFound);
  EXPECT_EQ(with("/dev/null", Distance::kSameMachine).error().code, Code::kBadRequest);
  EXPECT_EQ(with("relative", Distance::kElsewhere).error().code, Code::kBadRequest);
  EXPECT_TRUE(with("/not/here", Distance::kElsewhere));
}

TEST_F(RunRequestTest, SaysThatNothingIsolatesTheAgent) {
  auto options = OptionsOf();
  options.sandbox = "none";
  const auto asked =
      MakeRunRequest(options, AgentOf("command"), Environment(), Distance::kElsewhere);
  EXPECT_THAT(asked->notices, Contains(HasSubstr("without a sandbox")));
  auto agent = AgentOf("command");
  agent.config.sandbox = "none";
  const auto configured = MakeRunRequest(OptionsOf(), agent, Environment(), Distance::kElsewhere);
  EXPECT_THAT(configured->notices, Contains(HasSubstr("without a sandbox")));
}

TEST(KindOfAgent, TellsFilesIdsBuiltInsAndNamesApart) {
  EXPECT_EQ(KindOfAgent("vm0.yaml"), AgentKind::kFile);
  EXPECT_EQ(KindOfAgent("./agent"), AgentKind::kFile);
  EXPECT_EQ(KindOfAgent("/abs/agent"), AgentKind::kFile);
  EXPECT_EQ(KindOfAgent("claude-code"), AgentKind::kBuiltIn);
  EXPECT_EQ(KindOfAgent("my-agent"), AgentKind::kConfigName);
  EXPECT_EQ(KindOfAgent("01936D3C-0000-7000-8000-000000000001"), AgentKind::kConfigId);
}

}  // namespace
}  // namespace vm0::cli
