// SPDX-License-Identifier: Apache-2.0
#include "api/create_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/run_request.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

json::object Object(std::string_view text) { return *ParseJsonObject(text, "test"); }

// {"agent":"a","prompt":"p"} and these members.
Result<RunRequest> ParseWith(const std::string& members) {
  return ParseRunRequest(Object(R"({"agent":"a","prompt":"p",)" + members + "}"));
}

ChosenAgent Chosen(std::string_view agent_members) {
  const std::string text =
      R"({"version":"1.0","agent":{"name":"tester",)" + std::string(agent_members) + "}}";
  return {ConfigId::New(WallTime{}), *agent::ParseConfig(*ParseJson(text))};
}

ChosenAgent Command(const std::string& members = "") {
  return Chosen(R"("provider":"command","command":["./a.sh"])" + members);
}

RunPolicy Policy() { return {Unsandboxed::kAllowed, FindNoSandbox, true}; }

// A server with bubblewrap alone, that can hold these.
SandboxLookup Bubblewrap(agent::Enforceable can) {
  return [can](const std::string& name) -> Result<agent::Enforceable> {
    if (name == "bubblewrap") return can;
    return Fail(Code::kNotFound, "none");
  };
}

RunRequest Request(const std::string& members = R"("sandbox":"none")") {
  auto request = ParseWith(members);
  EXPECT_TRUE(request) << request.error().message;
  return *std::move(request);
}

agent::RunSpec SpecOf(const run::NewRun& run) { return *agent::ParseRunSpec(Object(run.spec)); }

TEST(RunRequest, NamesTheFieldThatIsWrong) {
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {R"({})", "Missing agentConfigId"},
      {R"({"prompt":"p"})", "Missing agentConfigId"},
      {R"({"agentConfigId":"","prompt":"p"})", "Missing agentConfigId"},
      {R"({"agentConfigId":7,"prompt":"p"})", "agentConfigId must be a string"},
      {R"({"agent":[],"prompt":"p"})", "agent must be a string"},
      {R"({"agentConfigId":"i","agent":"a"})", "Give agentConfigId or agent, not both"},
      {R"({"agent":"a"})", "Missing prompt"},
      {R"({"agent":"a","prompt":""})", "Missing prompt"},
      {R"({"agent":"a","prompt":null})", "Missing prompt"},
      {R"({"agent":"a","prompt":{}})", "prompt must be a string"},
      {R"({"agent":"a","prompt":"a\u0000b"})", "prompt must not contain a NUL"},
      {R"({"agent":"a","prompt":"p","promt":1})", "Unknown field: promt"},
      {R"({"agent":"a","prompt":"p","env":[]})", "env must be an object"},
      {R"({"agent":"a","prompt":"p","env":{"A":1}})", "env.A must be a string"},
      {R"({"agent":"a","prompt":"p","env":{"A":"\u0000"}})", "env.A must not contain a NUL"},
      {R"({"agent":"a","prompt":"p","env":{"":"x"}})", "env has an invalid name: \"\""},
      {R"({"agent":"a","prompt":"p","env":{"1A":"x"}})", "env has an invalid name: \"1A\""},
      {R"({"agent":"a","prompt":"p","env":{"A=B":"x"}})", "env has an invalid name: \"A=B\""},
      {R"({"agent":"a","prompt":"p","dynamicVars":{"A-B":"x"}})",
       "dynamicVars has an invalid name"},
      {R"({"agent":"a","prompt":"p","env":{"A":"1"},"dynamicVars":{"B":"2"}})", "not both"},
      {R"({"agent":"a","prompt":"p","secrets":{"S":null}})", "secrets.S must be a string"},
      {R"({"agent":"a","prompt":"p","secrets":{"S":""}})", "secrets.S must not be empty"},
      {R"({"agent":"a","prompt":"p","workspace":"/x"})", "workspace must be an object"},
      {R"({"agent":"a","prompt":"p","workspace":{}})", "Missing workspace.path"},
      {R"({"agent":"a","prompt":"p","workspace":{"path":"x"}})",
       "workspace.path must be an absolute"},
      {R"({"agent":"a","prompt":"p","workspace":{"path":"/x","mode":"fresh"}})",
       "workspace.mode must be"},
      {R"({"agent":"a","prompt":"p","workspace":{"path":"/x","mdoe":"ro"}})",
       "Unknown field: workspace.mdoe"},
      {R"({"agent":"a","prompt":"p","timeout":0})",
       "timeout must be a whole number from 1 to 604800"},
      {R"({"agent":"a","prompt":"p","timeout":604801})", "timeout must be"},
      {R"({"agent":"a","prompt":"p","timeout":1.5})", "timeout must be"},
      {R"({"agent":"a","prompt":"p","timeout":"1h"})", "timeout must be"},
      {R"({"agent":"a","prompt":"p","sandbox":""})", "sandbox must be"},
      {R"({"agent":"a","prompt":"p","network":"some"})", "network must be none, allowlist or full"},
      {R"({"agent":"a","prompt":"p","allow":"x:1"})", "allow must be"},
      {R"({"agent":"a","prompt":"p","allow":[1]})", "allow must be"},
      {R"({"agent":"a","prompt":"p","allow":["https://a"]})", "allow has a bad rule"},
      {R"({"agent":"a","prompt":"p","binary":"claude"})", "binary must be an absolute path"},
      {R"({"agent":"a","prompt":"p","partial":"yes"})", "partial must be"},
  };
  for (const auto& each : cases) {
    const auto request = ParseRunRequest(Object(each.body));
    ASSERT_FALSE(request) << each.body;
    EXPECT_EQ(request.error().code, Code::kBadRequest) << each.body;
    EXPECT_THAT(request.error().message, HasSubstr(each.message)) << each.body;
  }
}

TEST(RunRequest, LimitsTheSizeOfWhatItTakes) {
  const auto with_prompt = [](std::size_t size) {
    json::object body = {{"agent", "a"}, {"prompt", std::string(size, 'p')}};
    return ParseRunRequest(body).has_value();
  };
  EXPECT_TRUE(with_prompt(kMaxPromptBytes));
  EXPECT_FALSE(with_prompt(kMaxPromptBytes + 1));
  const auto with_value = [](std::size_t size) {
    json::object body = {{"agent", "a"}, {"prompt", "p"}, {"env", {{"A", std::string(size, 'v')}}}};
    return ParseRunRequest(body).has_value();
  };
  EXPECT_TRUE(with_value(kMaxVariableBytes - 3));
  EXPECT_FALSE(with_value(kMaxVariableBytes - 2));
  json::object many;
  for (std::size_t i = 0; i <= kMaxVariables; ++i) many["V" + std::to_string(i)] = "x";
  json::object body = {{"agent", "a"}, {"prompt", "p"}, {"secrets", many}};
  EXPECT_FALSE(ParseRunRequest(body));
}

TEST(RunRequest, TakesEveryField) {
  const auto request = ParseRunRequest(Object(
      R"({"agentConfigId":"id","prompt":"p","dynamicVars":{"A":"1"},"secrets":{"B":"2"},)"
      R"("workspace":{"path":"/w","mode":"rw"},"timeout":604800,"sandbox":"none","network":"full",)"
      R"("allow":["a:1"],"binary":"/bin/x","partial":true})"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->agent_config_id, "id");
  EXPECT_EQ(request->environment.at("A"), "1");
  EXPECT_EQ(request->secrets.at("B"), "2");
  EXPECT_EQ(request->workspace->path, "/w");
  EXPECT_EQ(request->workspace->mode, agent::Workspace::Mode::kReadWrite);
  EXPECT_EQ(request->timeout, Seconds(604800));
  EXPECT_EQ(request->allow->size(), 1u);
  EXPECT_EQ(request->binary, "/bin/x");
  EXPECT_TRUE(request->partial);
}

TEST(CreateRun, TheRequestWinsOverTheConfig) {
  const ChosenAgent chosen = Command(
      R"(,"environment":{"A":"config","B":"config"},"limits":{"timeout":"5m","idle_timeout":"1m"},)"
      R"("working_dir":"/work","dialect":"claude-code")");
  const auto run =
      MakeRun(Request(R"("sandbox":"none","env":{"A":"request"},"timeout":7)"), chosen, Policy());
  ASSERT_TRUE(run) << run.error().message;
  const agent::RunSpec spec = SpecOf(*run);
  EXPECT_EQ(spec.environment,
            (std::map<std::string, std::string>{{"A", "request"}, {"B", "config"}}));
  EXPECT_EQ(spec.limits.timeout, Seconds(7));
  EXPECT_EQ(spec.limits.idle_timeout, Seconds(60));
  EXPECT_EQ(spec.dialect, "claude-code");
  EXPECT_EQ(spec.command, std::vector<std::string>{"./a.sh"});
  EXPECT_EQ(spec.working_dir, "/work");
  EXPECT_EQ(spec.network, "full");
  EXPECT_EQ(run->agent_name, "tester");
  EXPECT_EQ(run->agent_config_id, chosen.config_id);
  EXPECT_FALSE(run->external);
}

TEST(CreateRun, OnlyLimitsThatSomebodyNamedAreInTheSpec) {
  const agent::RunSpec spec = SpecOf(*MakeRun(Request(), Command(), Policy()));
  EXPECT_EQ(agent::NamesOf(spec.limits), std::vector<std::string>());
}

TEST(CreateRun, ANamedLimitMustBeHeldByTheSandbox) {
  RunPolicy policy = Policy();
  const RunRequest boxed = Request(R"("sandbox":"bubblewrap")");
  const ChosenAgent chosen = Command(R"(,"limits":{"memory":"4GiB","open_files":64})");
  policy.find_sandbox = Bubblewrap({.memory = true, .open_files = true});
  const auto run = MakeRun(boxed, chosen, policy);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(SpecOf(*run).limits.open_files, 64);
  policy.find_sandbox = Bubblewrap({.open_files = true});
  const auto refused = MakeRun(boxed, chosen, policy);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kSandboxUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("limits.memory can't be enforced"));
}

TEST(CreateRun, ASandboxThatCantBeUsedTellsWhy) {
  RunPolicy policy = Policy();
  policy.find_sandbox = [](const std::string&) -> Result<agent::Enforceable> {
    return Fail(Code::kSandboxUnavailable, "bubblewrap is not installed: apt-get install it");
  };
  const auto refused = MakeRun(Request(R"("sandbox":"bubblewrap")"), Command(), policy);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kSandboxUnavailable);
  EXPECT_EQ(refused.error().message, "bubblewrap is not installed: apt-get install it");
}

TEST(CreateRun, NamesThatLookSecretBecomeSecrets) {
  const auto run = MakeRun(
      Request(
          R"("sandbox":"none","secrets":{"PLAIN":"s","BOTH":"secret"},)"
          R"("env":{"MY_API_KEY":"k","db_password":"p","KEYS":"no","EMPTY_TOKEN":"","BOTH":"env"})"),
      Command(R"(,"environment":{"CONFIG_SECRET":"c","MY_API_KEY":"older"})"), Policy());
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->secrets, (store::Secrets{{"PLAIN", "s"},
                                          {"BOTH", "secret"},
                                          {"MY_API_KEY", "k"},
                                          {"db_password", "p"},
                                          {"CONFIG_SECRET", "c"}}));
  EXPECT_EQ(SpecOf(*run).environment,
            (std::map<std::string, std::string>{{"KEYS", "no"}, {"EMPTY_TOKEN", ""}}));
  EXPECT_EQ(run->spec.find("older"), std::string::npos);
}

TEST(CreateRun, RefusesWhatNoSandboxCanHold) {
  const struct {
    const char* request;
    const char* config;
    const char* message;
  } cases[] = {
      {R"("timeout":5)", "", "sandbox bubblewrap is not available"},
      {R"("sandbox":"bubblewrap")", "", "sandbox bubblewrap is not available"},
      {R"("timeout":5)", R"(,"sandbox":"gvisor")", "sandbox gvisor is not available"},
      {R"("sandbox":"none")", R"(,"limits":{"memory":"4GiB"})", "limits.memory can't be enforced"},
      {R"("sandbox":"none")", R"(,"limits":{"pids":5})", "limits.pids can't be enforced"},
      {R"("sandbox":"none")", R"(,"limits":{"cpu":2})", "limits.cpu can't be enforced"},
      {R"("sandbox":"none")", R"(,"limits":{"disk":"1GiB"})", "limits.disk can't be enforced"},
      {R"("sandbox":"none")", R"(,"limits":{"open_files":64})",
       "limits.open_files can't be enforced"},
      {R"("sandbox":"none","network":"none")", "", "network none can't be enforced"},
      {R"("sandbox":"none","network":"allowlist")", "", "network allowlist can't be enforced"},
      {R"("sandbox":"none")", R"(,"network":"none")", "network none can't be enforced"},
      {R"("sandbox":"none")", R"(,"allow":["a:1"])", "allow can't be enforced"},
      {R"("sandbox":"none","network":"full","allow":["a:1"])", "", "allow can't be enforced"},
  };
  for (const auto& each : cases) {
    const auto run = MakeRun(Request(each.request), Command(each.config), Policy());
    ASSERT_FALSE(run) << each.request << each.config;
    EXPECT_EQ(run.error().code, Code::kSandboxUnavailable) << each.request << each.config;
    EXPECT_THAT(run.error().message, HasSubstr(each.message)) << each.request;
  }
}

TEST(CreateRun, TheServersRulesAreAddedToEveryAllowList) {
  RunPolicy policy = Policy();
  policy.find_sandbox = Bubblewrap({});
  policy.allow = {"mirror.example"};
  policy.deny = {"bad.example:*"};
  const std::string config = R"(,"allow":["config.example"])";
  const auto of_config = MakeRun(Request(R"("timeout":5)"), Command(config), policy);
  ASSERT_TRUE(of_config) << of_config.error().message;
  EXPECT_EQ(SpecOf(*of_config).allow,
            (std::vector<std::string>{"mirror.example", "config.example"}));
  EXPECT_EQ(SpecOf(*of_config).deny, std::vector<std::string>{"bad.example:*"});
  const auto of_request =
      MakeRun(Request(R"("allow":["request.example"])"), Command(config), policy);
  ASSERT_TRUE(of_request) << of_request.error().message;
  EXPECT_EQ(SpecOf(*of_request).allow,
            (std::vector<std::string>{"mirror.example", "request.example"}));
  const auto full = MakeRun(Request(R"("network":"full")"), Command(config), policy);
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_TRUE(SpecOf(*full).allow.empty());
}

TEST(CreateRun, FullNetworkOverrulesTheConfig) {
  for (const char* config : {R"(,"network":"none")", R"(,"network":"allowlist","allow":["a:1"])",
                             R"(,"allow":["a:1"])"}) {
    const auto run =
        MakeRun(Request(R"("sandbox":"none","network":"full")"), Command(config), Policy());
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_EQ(SpecOf(*run).network, "full");
  }
}

TEST(CreateRun, RunsInABoxWithAListForANetworkUnlessToldOtherwise) {
  RunPolicy policy = Policy();
  policy.find_sandbox = Bubblewrap({});
  const auto of = [&](const char* request, const std::string& config) {
    return MakeRun(Request(request), Command(config), policy);
  };
  const auto spec = SpecOf(*of(R"("timeout":5)", ""));
  EXPECT_EQ(spec.sandbox, "bubblewrap");
  EXPECT_EQ(spec.network, "allowlist");
  EXPECT_THAT(spec.allow, testing::IsEmpty());
  EXPECT_TRUE(spec.host_scope);
  const std::string listed = R"(,"allow":["a:1","b:2"])";
  EXPECT_THAT(SpecOf(*of(R"("timeout":5)", listed)).allow, testing::ElementsAre("a:1", "b:2"));
  EXPECT_THAT(SpecOf(*of(R"("allow":["c:3"])", listed)).allow, testing::ElementsAre("c:3"));
  EXPECT_EQ(SpecOf(*of(R"("network":"none")", listed)).network, "none");
  EXPECT_EQ(of(R"("network":"none","allow":["c:3"])", "").error().code, Code::kBadRequest);
  EXPECT_EQ(SpecOf(*of(R"("timeout":5)", R"(,"network":"full")")).network, "full");
}

TEST(CreateRun, AnAgentThatNeedsItsEndpointHasANetwork) {
  RunPolicy policy = Policy();
  policy.find_sandbox = Bubblewrap({});
  const auto run = MakeRun(Request(R"("network":"none","secrets":{"ANTHROPIC_API_KEY":"k"})"),
                           Chosen(R"("provider":"claude-code")"), policy);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::kBadRequest);
  EXPECT_THAT(run.error().message, HasSubstr("can't work with network none"));
}

TEST(CreateRun, WhatReachesTheHostNeedsHostScope) {
  RunPolicy policy = Policy();
  policy.host_scope = false;
  // As if there were a sandbox, to see each by itself.
  policy.find_sandbox = Bubblewrap({});
  const ChosenAgent claude = Chosen(R"("provider":"claude-code")");
  const std::string box = R"("sandbox":"bubblewrap","secrets":{"ANTHROPIC_API_KEY":"k"})";
  EXPECT_TRUE(MakeRun(Request(box), claude, policy));
  for (const char* field :
       {R"("workspace":{"path":"/w"})", R"("binary":"/bin/x")", R"("network":"full")",
        R"("allow":["a.example","127.0.0.1:80"])", R"("allow":["0.0.0.0/0:*"])",
        R"("allow":["[fd00::1]:443"])", R"("allow":["[::/0]:443"])"}) {
    const auto run = MakeRun(Request(box + "," + field), claude, policy);
    ASSERT_FALSE(run) << field;
    EXPECT_EQ(run.error().code, Code::kForbidden) << field;
    EXPECT_THAT(run.error().message, HasSubstr("host scope")) << field;
  }
  EXPECT_TRUE(MakeRun(Request(box + R"(,"allow":["a.example","8.8.8.0/24:443"])"), claude, policy));
  const auto config_allow = MakeRun(
      Request(box), Chosen(R"("provider":"claude-code","allow":["10.0.0.0/8:443"])"), policy);
  EXPECT_EQ(config_allow.error().code, Code::kForbidden);
  policy.allow = {"10.0.0.1:443"};
  EXPECT_TRUE(MakeRun(Request(box), claude, policy)) << "the server's own list is its admin's";
  const auto config_binary =
      MakeRun(Request(box), Chosen(R"("provider":"claude-code","binary":"/bin/x")"), policy);
  EXPECT_EQ(config_binary.error().code, Code::kForbidden);
  policy.find_sandbox = FindNoSandbox;
  EXPECT_EQ(MakeRun(Request(), Command(), policy).error().code, Code::kForbidden);
}

TEST(CreateRun, RunsUnsandboxedOnlyWhereTheServerAllowsIt) {
  const ChosenAgent says_none = Command(R"(,"sandbox":"none")");
  const RunRequest silent = Request(R"("timeout":5)");
  RunPolicy policy = Policy();
  EXPECT_TRUE(MakeRun(silent, says_none, policy));
  policy.unsandboxed = Unsandboxed::kWhenAsked;
  EXPECT_TRUE(MakeRun(Request(), Command(), policy));
  const auto unasked = MakeRun(silent, says_none, policy);
  EXPECT_EQ(unasked.error().code, Code::kForbidden);
  EXPECT_THAT(unasked.error().message, HasSubstr("--sandbox none"));
  policy.unsandboxed = Unsandboxed::kRefused;
  const auto refused = MakeRun(Request(), Command(), policy);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_THAT(refused.error().message, HasSubstr("--allow-unsandboxed"));
}

TEST(CreateRun, AnUnknownSandboxIsABadRequest) {
  EXPECT_EQ(MakeRun(Request(R"("sandbox":"chroot")"), Command(), Policy()).error().code,
            Code::kBadRequest);
}

TEST(CreateRun, RefusesEarlyWithoutACredential) {
  const ChosenAgent claude = Chosen(R"("provider":"claude-code")");
  const auto without =
      MakeRun(Request(R"("sandbox":"none","env":{"ANTHROPIC_BASE_URL":"x"})"), claude, Policy());
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, Code::kBadRequest);
  EXPECT_THAT(without.error().message, HasSubstr("claude setup-token"));
  for (const char* members :
       {R"("secrets":{"CLAUDE_CODE_OAUTH_TOKEN":"t"})", R"("env":{"ANTHROPIC_API_KEY":"t"})"}) {
    EXPECT_TRUE(MakeRun(Request(R"("sandbox":"none",)" + std::string(members)), claude, Policy()))
        << members;
  }
}

TEST(CreateRun, ACommandNeedsItsConfigAndTakesNoBinary) {
  ChosenAgent bare;
  bare.config.name = bare.config.provider = "command";
  EXPECT_THAT(MakeRun(Request(), bare, Policy()).error().message, HasSubstr("needs a config"));
  EXPECT_THAT(
      MakeRun(Request(R"("sandbox":"none","binary":"/x")"), Command(), Policy()).error().message,
      HasSubstr("binary has no meaning"));
}

TEST(CreateRun, AnExternalRunNeedsNothingAndKeepsNoSecrets) {
  RunPolicy policy = {Unsandboxed::kRefused, FindNoSandbox, false};
  const ChosenAgent claude =
      Chosen(R"("provider":"claude-code","environment":{"A_KEY":"s3cret"},"limits":{"pids":5})");
  const auto run = MakeRun(Request(R"("sandbox":"external")"), claude, policy);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_TRUE(run->external);
  EXPECT_TRUE(run->secrets.empty());
  EXPECT_EQ(run->spec.find("s3cret"), std::string::npos);
  for (const char* field : {R"("workspace":{"path":"/w"})", R"("secrets":{"S":"x"})",
                            R"("timeout":5)", R"("network":"none")"}) {
    const auto refused =
        MakeRun(Request(R"("sandbox":"external",)" + std::string(field)), claude, policy);
    ASSERT_FALSE(refused) << field;
    EXPECT_THAT(refused.error().message, HasSubstr("has no meaning")) << field;
  }
}

// A server that rents sandboxes, and a caller without power over the host.
RunPolicy CloudPolicy() {
  RunPolicy policy = {Unsandboxed::kRefused, FindNoSandbox, false};
  policy.find_sandbox = [](const std::string& name) -> Result<agent::Enforceable> {
    if (name == "e2b") return agent::Enforceable{};
    return Fail(Code::kNotFound, "none");
  };
  return policy;
}

TEST(CreateRun, InTheCloudHasItsTemplateAndAnOpenNetworkAndNeedsNoPowerOverTheHost) {
  const ChosenAgent agent = Command(R"(,"image":"mine","network":"full")");
  const auto run = MakeRun(Request(R"("sandbox":"e2b")"), agent, CloudPolicy());
  ASSERT_TRUE(run) << run.error().message;
  const agent::RunSpec spec = SpecOf(*run);
  EXPECT_EQ(spec.sandbox, "e2b");
  EXPECT_EQ(spec.image, "mine");
  EXPECT_EQ(spec.network, "full");
  EXPECT_FALSE(spec.host_scope);
}

TEST(CreateRun, InTheCloudRefusesWhatOnlyTheHostHas) {
  RunPolicy host = CloudPolicy();
  host.host_scope = true;
  const struct {
    const char* request;
    const char* config;
    Code code;
    const char* words;
  } cases[] = {
      {R"("workspace":{"path":"/w","mode":"rw"})", "", Code::kBadRequest, "must be copy"},
      {R"("workspace":{"path":"/w","mode":"ro"})", "", Code::kBadRequest, "must be copy"},
      {R"("binary":"/x")", "", Code::kBadRequest, "binary has no meaning"},
      {R"("network":"allowlist")", "", Code::kSandboxUnavailable, "with sandbox e2b"},
      {R"("timeout":5)", R"(,"network":"none")", Code::kSandboxUnavailable, "with sandbox e2b"},
      {R"("allow":["example.com"])", "", Code::kSandboxUnavailable, "with sandbox e2b"},
      {R"("timeout":5)", R"(,"limits":{"memory":"4GiB"})", Code::kSandboxUnavailable,
       "limits.memory can't be enforced"},
  };
  for (const auto& each : cases) {
    const auto request = Request(R"("sandbox":"e2b",)" + std::string(each.request));
    const auto refused = MakeRun(request, Command(each.config), host);
    ASSERT_FALSE(refused) << each.request;
    EXPECT_EQ(refused.error().code, each.code) << each.request;
    EXPECT_THAT(refused.error().message, HasSubstr(each.words));
  }
  EXPECT_TRUE(MakeRun(Request(R"("sandbox":"e2b","workspace":{"path":"/w"})"), Command(), host));
  EXPECT_EQ(
      MakeRun(Request(R"("sandbox":"e2b","workspace":{"path":"/w"})"), Command(), CloudPolicy())
          .error()
          .code,
      Code::kForbidden);
}

}  // namespace
}  // namespace vm0::api
