// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <gtest/gtest.h>

namespace vm0::agent {
namespace {

Result<Config> Parse(std::string_view text) { return ParseConfig(*ParseJson(text)); }

// What ParseConfig says of a config that it refuses.
std::string Refusal(std::string_view text) {
  const auto config = Parse(text);
  if (config) return "(accepted)";
  EXPECT_EQ(config.error().code, Code::kBadRequest);
  return config.error().message;
}

// A right config but for `members` of the agent.
std::string WithMembers(std::string_view members) {
  return R"({"version":"1.0","agent":{"name":"my-agent",)" + std::string(members) + "}}";
}

std::string RefusalOf(std::string_view members) { return Refusal(WithMembers(members)); }

Config Accepted(std::string_view members) {
  auto config = Parse(WithMembers(members));
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : Config{};
}

constexpr std::string_view kBadName =
    "Invalid agent name format. Must be 3-64 characters, letters, numbers, and hyphens only. Must "
    "start and end with letter or number.";

TEST(Config, TakesTheSeedsFormWithEveryKey) {
  const auto config = Parse(R"({
    "version": "1.0",
    "agent": {
      "name": "my-agent", "description": "d", "image": "vm0-claude-code", "provider": "command",
      "command": ["./agent.sh", "-x"], "dialect": "claude-code", "working_dir": "/workspace",
      "volumes": ["data:/mnt/data"], "environment": {"KEY": "value", "EMPTY": ""},
      "sandbox": "none", "network": "allowlist", "allow": ["api.example.com:443"],
      "limits": {"memory": "4GiB", "pids": 512, "cpu": 2, "disk": "10GiB", "timeout": "1h",
                 "idle_timeout": "30m"}
    },
    "volumes": {"data": {"name": "n", "version": "v"}}
  })");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->name, "my-agent");
  EXPECT_EQ(config->provider, "command");
  EXPECT_EQ(config->command, (std::vector<std::string>{"./agent.sh", "-x"}));
  EXPECT_EQ(config->dialect, "claude-code");
  EXPECT_EQ(config->working_dir, "/workspace");
  EXPECT_EQ(config->environment,
            (std::map<std::string, std::string>{{"KEY", "value"}, {"EMPTY", ""}}));
  EXPECT_EQ(config->sandbox, "none");
  EXPECT_EQ(config->network, "allowlist");
  EXPECT_EQ(config->allow, (std::vector<std::string>{"api.example.com:443"}));
  EXPECT_EQ(config->limits.memory_bytes, std::int64_t{4} << 30);
  EXPECT_EQ(config->limits.idle_timeout, std::chrono::minutes(30));
}

TEST(Config, TakesTheLaterFormKeyedByName) {
  const auto config = Parse(R"({"version":"1.0","agents":{"my-agent":{"working_dir":"/w"}}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->name, "my-agent");
  EXPECT_EQ(config->provider, "claude-code");
  EXPECT_EQ(config->working_dir, "/w");
}

TEST(Config, TakesANullForAnAbsentKey) {
  const Config config = Accepted(
      R"("description":null,"provider":null,"command":null,"environment":null,"limits":null,)"
      R"("allow":null,"volumes":null,"dialect":null)");
  EXPECT_EQ(config.provider, "claude-code");
}

TEST(Config, SpeaksTheReferencesWords) {
  EXPECT_EQ(Refusal("[]"), "Config must be an object");
  EXPECT_EQ(Refusal("null"), "Config must be an object");
  EXPECT_EQ(Refusal("{}"), "Missing config.version");
  for (const char* falsy : {"null", "\"\"", "0", "false"})
    EXPECT_EQ(Refusal(R"({"version":)" + std::string(falsy) + "}"), "Missing config.version");
  EXPECT_EQ(Refusal(R"({"version":"1.0"})"), "Missing agents object in config");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agents":"x"})"), "Missing agents object in config");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agents":[{"name":"abc"}]})"),
            "agents must be an object, not an array. Use format: agents: { agent-name: { ... } }");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agents":{}})"),
            "agents must have at least one agent defined");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agents":{"abc":{},"def":{}}})"),
            "Multiple agents not supported yet. Only one agent allowed.");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agents":{"a_b":{}}})"), kBadName);
  EXPECT_EQ(Refusal(R"({"version":"1.0","agent":{"name":"-ab"}})"), kBadName);
  EXPECT_EQ(Refusal(R"({"version":"1.0","agents":{"abc":[]}})"),
            "Agent definition must be an object");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agent":"abc"})"), "Agent definition must be an object");
  EXPECT_EQ(RefusalOf(R"("working_dir":7)"),
            "Missing or invalid agent.working_dir (must be a string)");
  EXPECT_EQ(RefusalOf(R"("image":{})"), "Missing or invalid agent.image (must be a string)");
  EXPECT_EQ(RefusalOf(R"("provider":[])"), "Missing or invalid agent.provider (must be a string)");
}

TEST(Config, TakesVersionsThatYamlReadAsNumbers) {
  EXPECT_EQ(Refusal(R"({"version":1.0,"agent":{"name":"abc"}})"), "(accepted)");
  EXPECT_EQ(Refusal(R"({"version":{},"agent":{"name":"abc"}})"), "config.version must be a string");
  EXPECT_EQ(Refusal(R"({"version":"1","agent":{"name":"abc"}})"), "(accepted)");
  for (const char* unknown : {"2", "\"2.0\"", "-1", "1.5", "1e300", "\"1.0.0\""})
    EXPECT_EQ(Refusal(R"({"version":)" + std::string(unknown) + R"(,"agent":{"name":"abc"}})"),
              "config.version must be \"1.0\"");
}

TEST(Config, WantsANameInTheSeedsForm) {
  EXPECT_EQ(Refusal(R"({"version":"1.0","agent":{}})"), "Missing agent.name");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agent":{"name":7}})"), "agent.name must be a string");
  EXPECT_EQ(Refusal(R"({"version":"1.0","agent":{"name":"abc"},"agents":{"abc":{}}})"),
            "config has both agent and agents; keep one of them");
}

TEST(Config, RefusesUnknownKeysByName) {
  EXPECT_EQ(Refusal(R"({"version":"1.0","agnet":{},"agent":{"name":"abc"}})"),
            "Unknown key agnet. Known keys: version, agent, agents, volumes");
  EXPECT_EQ(RefusalOf(R"("foo":1)"),
            "Unknown key agent.foo. Known keys: name, description, image, provider, command, "
            "dialect, binary, working_dir, volumes, environment, sandbox, network, allow, limits, "
            "max_attempts");
  EXPECT_TRUE(Refusal(R"({"version":"1.0","agents":{"abc":{"name":"abc"}}})")
                  .starts_with("Unknown key agent.name. Known keys: description,"));
  EXPECT_EQ(RefusalOf(R"("limits":{"ram":"1GiB"})"),
            "Unknown key agent.limits.ram. Known keys: memory, pids, cpu, disk, files, open_files, "
            "timeout, idle_timeout");
}

TEST(Config, SaysHowOftenToTryToStart) {
  const auto attempts = [](const std::string& value) {
    const auto config =
        ParseJson(R"({"version":"1.0","agent":{"name":"abc","max_attempts":)" + value + "}}");
    return ParseConfig(*config).value().max_attempts;
  };
  EXPECT_EQ(attempts("5"), 5);
  EXPECT_EQ(attempts("null"), std::nullopt);
  for (const char* bad : {"0", "11", "1.5", "\"many\"", "true"})
    EXPECT_EQ(RefusalOf(R"("max_attempts":)" + std::string(bad)),
              "agent.max_attempts must be a whole number from 1 to 10");
}

TEST(Config, RefusesUnknownProvidersAndDialects) {
  EXPECT_EQ(RefusalOf(R"("provider":"clod")"),
            "Unknown agent.provider \"clod\". Known providers: claude-code, command");
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":["x"],"dialect":"morse")"),
            "Unknown agent.dialect \"morse\". Known: plain, claude-code");
  EXPECT_EQ(RefusalOf(R"("sandbox":"vm")"),
            "Unknown agent.sandbox \"vm\". Known: bubblewrap, none, gvisor, container, e2b");
  EXPECT_EQ(RefusalOf(R"("network":"lan")"),
            "Unknown agent.network \"lan\". Known: none, allowlist, full");
}

TEST(Config, WantsACommandExactlyForProviderCommand) {
  const std::string rule =
      "agent.command is required for provider command: it must be a list of strings, such as "
      "[\"./agent.sh\"]";
  EXPECT_EQ(RefusalOf(R"("provider":"command")"), rule);
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":[])"), rule);
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":[""])"), rule);
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":"./agent.sh")"),
            "agent.command must be a list of strings, such as [\"./agent.sh\"]");
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":["a",1])"),
            "agent.command must be a list of strings, such as [\"./agent.sh\"]");
  EXPECT_EQ(RefusalOf(R"("command":["./agent.sh"])"), "agent.command is only for provider command");
  EXPECT_EQ(RefusalOf(R"("command":[])"), "agent.command is only for provider command");
  EXPECT_EQ(RefusalOf(R"("dialect":"plain")"), "agent.dialect is only for provider command");
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":["x"],"binary":"/bin/x")"),
            "agent.binary is not for provider command; name the program in agent.command");
}

TEST(Config, WantsAbsolutePaths) {
  EXPECT_EQ(RefusalOf(R"("binary":"bin/claude")"), "agent.binary must be an absolute path");
  EXPECT_EQ(RefusalOf(R"("working_dir":"src")"), "agent.working_dir must be an absolute path");
  EXPECT_EQ(Accepted(R"("binary":"/opt/claude")").binary, "/opt/claude");
}

TEST(Config, WantsStringsInTheEnvironment) {
  const std::string rule = "agent.environment must be an object with string keys and values";
  EXPECT_EQ(RefusalOf(R"("environment":["A=1"])"), rule);
  EXPECT_EQ(RefusalOf(R"("environment":"A=1")"), rule);
  for (const char* value : {"8080", "true", "1.5", "null", "[]", "{}"})
    EXPECT_EQ(RefusalOf(R"("environment":{"PORT":)" + std::string(value) + "}"),
              "agent.environment.PORT must be a string");
}

TEST(Config, RefusesWhatNoEnvironmentCanHold) {
  for (const char* name : {"", "A=B", "A\\u0000"})
    EXPECT_TRUE(RefusalOf(R"("environment":{")" + std::string(name) + R"(":"x"})")
                    .starts_with("agent.environment has an invalid name"))
        << name;
  EXPECT_EQ(RefusalOf(R"("environment":{"A":"x\u0000y"})"),
            "agent.environment.A must not contain a NUL");
  EXPECT_EQ(RefusalOf(R"("provider":"command","command":["a\u0000b"])"),
            "agent.command must not contain a NUL");
  EXPECT_EQ(RefusalOf(R"("working_dir":"/a\u0000b")"), "agent.working_dir must not contain a NUL");
}

TEST(Config, WantsRulesInTheAllowList) {
  const Config config = Accepted(
      R"("allow":["a.example:1","*.b.example:65535","[::1]:443","example.com","10.0.0.0/8:*"])");
  EXPECT_EQ(config.allow.size(), 5u);
  for (const char* entry :
       {"", ":443", "example.com:", "example.com:0", "example.com:65536", "example.com:+1",
        "example.com:x", "https://example.com:443", "exa mple.com:443", "127.1:80"})
    EXPECT_TRUE(RefusalOf(R"("allow":[")" + std::string(entry) + "\"]")
                    .starts_with("agent.allow has a bad rule \"" + std::string(entry) + "\": "))
        << entry;
  EXPECT_EQ(RefusalOf(R"("allow":"example.com:443")"),
            "agent.allow must be a list of rules, such as [\"example.com:443\"]");
  EXPECT_EQ(RefusalOf(R"("network":"none","allow":["example.com:443"])"),
            "agent.allow is only for network allowlist");
}

TEST(Config, ChecksVolumesAsTheReferenceDoes) {
  const auto refusal = [](std::string_view declaration, std::string_view volumes) {
    return Refusal(R"({"version":"1.0","agent":{"name":"abc","volumes":[")" +
                   std::string(declaration) + R"("]},"volumes":)" + std::string(volumes) + "}");
  };
  EXPECT_EQ(refusal("k:/m", R"({"k":{"name":"n","version":"1"}})"), "(accepted)");
  for (const char* declaration : {"k", "k:/m:ro", ":/m", "k:"})
    EXPECT_EQ(refusal(declaration, "{}"),
              "Invalid volume declaration: " + std::string(declaration) +
                  ". Expected format: volume-key:/mount/path");
  EXPECT_EQ(refusal("k:/m", "{}"),
            "Volume \"k\" is not defined in volumes section. Each volume must have explicit name "
            "and version.");
  EXPECT_EQ(refusal("k:/m", "null"), refusal("k:/m", "{}"));
  EXPECT_EQ(refusal("k:/m", R"({"k":{"version":"1"}})"),
            "Volume \"k\" must have a 'name' field (string)");
  EXPECT_EQ(refusal("k:/m", R"({"k":{"name":"n","version":1}})"),
            "Volume \"k\" must have a 'version' field (string)");
  EXPECT_EQ(refusal("k:/m", "[]"), "volumes must be an object");
  EXPECT_EQ(RefusalOf(R"("volumes":{"k":"/m"})"),
            "agent.volumes must be a list of volume-key:/mount/path");
}

TEST(Config, WantsAnObjectOfLimits) {
  EXPECT_EQ(RefusalOf(R"("limits":[])"), "agent.limits must be an object");
}

TEST(AgentName, IsThreeTo64LettersDigitsAndInnerHyphens) {
  for (const std::string& name :
       {std::string("abc"), std::string("A-9"), std::string("a--b"), std::string(64, 'x')})
    EXPECT_TRUE(IsAgentName(name)) << name;
  for (const std::string& name :
       {std::string(), std::string("a"), std::string("ab"), std::string(65, 'x'),
        std::string("-ab"), std::string("ab-"), std::string("a_b"), std::string("a b"),
        std::string("a.b"), std::string("aéb"), std::string("abc\n"), std::string("a\0b", 3)})
    EXPECT_FALSE(IsAgentName(name)) << name;
}

}  // namespace
}  // namespace vm0::agent
