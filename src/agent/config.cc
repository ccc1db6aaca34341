// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "agent/adapter.h"
#include "agent/config_limits.h"
#include "agent/dialect.h"
#include "base/host_rule.h"
#include "base/text.h"

namespace vm0::agent {
namespace {

constexpr std::string_view kDefaultProvider = "claude-code";
constexpr std::string_view kCommandProvider = "command";
constexpr std::string_view kNameRule =
    "Invalid agent name format. Must be 3-64 characters, letters, numbers, and hyphens only. Must "
    "start and end with letter or number.";

using Names = std::vector<std::string_view>;

std::unexpected<Error> Refuse(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

std::string List(const Names& names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

bool Contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// The member unless it is absent or null: YAML's "key:" with nothing behind it is null.
const json::value* Given(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Status RefuseUnknownKeys(const json::object& object, std::string_view path, const Names& known) {
  for (const auto& member : object)
    if (!Contains(known, member.key()))
      return Refuse("Unknown key " + std::string(path) + std::string(member.key()) +
                    ". Known keys: " + List(known));
  return {};
}

// JavaScript's idea of "missing", which the reference's clients know.
bool IsFalsy(const json::value* value) {
  if (value == nullptr || value->is_null()) return true;
  if (value->is_bool()) return !value->get_bool();
  if (value->is_string()) return value->get_string().empty();
  return value->is_number() && value->to_number<double>() == 0;
}

Status CheckVersion(const json::object& config) {
  const json::value* version = Member(config, "version");
  if (IsFalsy(version)) return Refuse("Missing config.version");
  if (!version->is_string() && !version->is_number())
    return Refuse("config.version must be a string");
  const bool is_known = version->is_string()
                            ? version->get_string() == "1.0" || version->get_string() == "1"
                            : version->to_number<double>() == 1;
  return is_known ? Status() : Refuse("config.version must be \"1.0\"");
}

// An optional string; empty when absent. `message` is what to say of another type.
Result<std::string> TextOf(const json::object& agent, std::string_view name, std::string message) {
  const json::value* value = Given(agent, name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return Refuse(std::move(message));
  std::string text(value->get_string());
  if (HasNul(text)) return Refuse("agent." + std::string(name) + " must not contain a NUL");
  return text;
}

Result<std::string> PlainTextOf(const json::object& agent, std::string_view name) {
  return TextOf(agent, name, "agent." + std::string(name) + " must be a string");
}

// The reference's words for the fields that it knew.
Result<std::string> ReferenceTextOf(const json::object& agent, std::string_view name) {
  return TextOf(agent, name,
                "Missing or invalid agent." + std::string(name) + " (must be a string)");
}

Result<std::string> ChoiceOf(const json::object& agent, std::string_view name,
                             const Names& choices) {
  VM0_ASSIGN(std::string text, PlainTextOf(agent, name));
  if (!text.empty() && !Contains(choices, text))
    return Refuse("Unknown agent." + std::string(name) + " \"" + text +
                  "\". Known: " + List(choices));
  return text;
}

Result<std::string> AbsolutePath(std::string path, std::string_view name) {
  if (!path.empty() && !path.starts_with('/'))
    return Refuse("agent." + std::string(name) + " must be an absolute path");
  return path;
}

Result<std::vector<std::string>> TextsOf(const json::object& agent, std::string_view name,
                                         std::string_view rule) {
  std::vector<std::string> texts;
  const json::value* value = Given(agent, name);
  if (value == nullptr) return texts;
  const std::string field = "agent." + std::string(name);
  if (!value->is_array()) return Refuse(field + " " + std::string(rule));
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) return Refuse(field + " " + std::string(rule));
    texts.emplace_back(item.get_string());
    if (HasNul(texts.back())) return Refuse(field + " must not contain a NUL");
  }
  return texts;
}

Status ParseProvider(const json::object& agent, Config& config) {
  VM0_ASSIGN(config.provider, ReferenceTextOf(agent, "provider"));
  if (config.provider.empty()) config.provider = kDefaultProvider;
  if (FindAdapter(config.provider) == nullptr)
    return Refuse("Unknown agent.provider \"" + config.provider +
                  "\". Known providers: " + List(AdapterNames()));
  return {};
}

// What to start: `command` and `dialect` belong to provider command, `binary` to all others.
Status ParseProgram(const json::object& agent, Config& config) {
  constexpr std::string_view kListRule = "must be a list of strings, such as [\"./agent.sh\"]";
  VM0_ASSIGN(config.command, TextsOf(agent, "command", kListRule));
  VM0_ASSIGN(config.dialect, ChoiceOf(agent, "dialect", DialectNames()));
  VM0_ASSIGN(std::string binary, PlainTextOf(agent, "binary"));
  VM0_ASSIGN(config.binary, AbsolutePath(std::move(binary), "binary"));
  if (config.provider != kCommandProvider) {
    if (Given(agent, "command")) return Refuse("agent.command is only for provider command");
    if (!config.dialect.empty()) return Refuse("agent.dialect is only for provider command");
    return {};
  }
  if (config.command.empty() || config.command.front().empty())
    return Refuse("agent.command is required for provider command: it " + std::string(kListRule));
  if (!config.binary.empty())
    return Refuse("agent.binary is not for provider command; name the program in agent.command");
  return {};
}

Status ParseEnvironment(const json::object& agent, Config& config) {
  const json::value* environment = Given(agent, "environment");
  if (environment == nullptr) return {};
  if (!environment->is_object())
    return Refuse("agent.environment must be an object with string keys and values");
  for (const auto& [key, value] : environment->get_object()) {
    const std::string name(key);
    if (name.empty() || name.find('=') != std::string::npos || HasNul(name))
      return Refuse("agent.environment has an invalid name: \"" + name +
                    "\". Names are not empty and contain neither '=' nor NUL");
    if (!value.is_string()) return Refuse("agent.environment." + name + " must be a string");
    std::string text(value.get_string());
    if (HasNul(text)) return Refuse("agent.environment." + name + " must not contain a NUL");
    config.environment[name] = std::move(text);
  }
  return {};
}

Status ParseNetwork(const json::object& agent, Config& config) {
  constexpr std::string_view kRule = "must be a list of rules, such as [\"example.com:443\"]";
  VM0_ASSIGN(config.network, ChoiceOf(agent, "network", {"none", "allowlist", "full"}));
  VM0_ASSIGN(config.allow, TextsOf(agent, "allow", kRule));
  for (const std::string& entry : config.allow)
    if (const auto rule = ParseHostRule(entry); !rule)
      return Refuse("agent.allow has a bad " + rule.error().message);
  if (!config.allow.empty() && !config.network.empty() && config.network != "allowlist")
    return Refuse("agent.allow is only for network allowlist");
  return {};
}

Status ParseAttempts(const json::object& agent, Config& config) {
  if (Given(agent, "max_attempts") == nullptr) return {};
  const auto attempts = IntField(agent, "max_attempts");
  if (!attempts || !*attempts || **attempts < 1 || **attempts > kMostAttempts)
    return Refuse("agent.max_attempts must be a whole number from 1 to " +
                  std::to_string(kMostAttempts));
  config.max_attempts = static_cast<int>(**attempts);
  return {};
}

Status CheckVolume(std::string_view declaration, const json::object* volumes) {
  const std::size_t colon = declaration.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == declaration.size() ||
      declaration.find(':', colon + 1) != std::string_view::npos)
    return Refuse("Invalid volume declaration: " + std::string(declaration) +
                  ". Expected format: volume-key:/mount/path");
  const std::string key(declaration.substr(0, colon));
  const json::object* volume = volumes == nullptr ? nullptr : ObjectMember(*volumes, key);
  if (volume == nullptr)
    return Refuse("Volume \"" + key +
                  "\" is not defined in volumes section. Each volume must have explicit name and "
                  "version.");
  for (const std::string_view field : {"name", "version"})
    if (StringMember(*volume, field).value_or("").empty())
      return Refuse("Volume \"" + key + "\" must have a '" + std::string(field) +
                    "' field (string)");
  return {};
}

// vm0 mounts no volumes; a config for the reference must still be a right one.
Status CheckVolumes(const json::object& config, const json::object& agent) {
  const json::value* volumes = Given(config, "volumes");
  if (volumes != nullptr && !volumes->is_object()) return Refuse("volumes must be an object");
  VM0_ASSIGN(const auto declarations,
             TextsOf(agent, "volumes", "must be a list of volume-key:/mount/path"));
  for (const std::string& declaration : declarations)
    VM0_TRY(CheckVolume(declaration, volumes == nullptr ? nullptr : volumes->if_object()));
  return {};
}

struct Definition {
  std::string name;
  const json::value* value;  // never null
  bool has_name_key;         // the seed's form
};

Result<Definition> FindInAgents(const json::value& agents) {
  if (agents.is_array())
    return Refuse(
        "agents must be an object, not an array. Use format: agents: { agent-name: { ... } }");
  if (!agents.is_object()) return Refuse("Missing agents object in config");
  const json::object& object = agents.get_object();
  if (object.empty()) return Refuse("agents must have at least one agent defined");
  if (object.size() > 1)
    return Refuse("Multiple agents not supported yet. Only one agent allowed.");
  return Definition{std::string(object.begin()->key()), &object.begin()->value(), false};
}

Result<Definition> FindDefinition(const json::object& config) {
  const json::value* agent = Given(config, "agent");
  const json::value* agents = Given(config, "agents");
  if (agent && agents) return Refuse("config has both agent and agents; keep one of them");
  if (agents) return FindInAgents(*agents);
  if (!agent) return Refuse("Missing agents object in config");
  if (!agent->is_object()) return Refuse("Agent definition must be an object");
  const json::value* name = Given(agent->get_object(), "name");
  if (!name) return Refuse("Missing agent.name");
  if (!name->is_string()) return Refuse("agent.name must be a string");
  return Definition{std::string(name->get_string()), agent, true};
}

Names KnownKeys(const Definition& definition) {
  Names names = {"description", "image",       "provider", "command",     "dialect",
                 "binary",      "working_dir", "volumes",  "environment", "sandbox",
                 "network",     "allow",       "limits",   "max_attempts"};
  if (definition.has_name_key) names.insert(names.begin(), "name");
  return names;
}

Status ParseDefinition(const json::object& agent, Config& config) {
  VM0_TRY(PlainTextOf(agent, "description"));
  VM0_ASSIGN(std::string directory, ReferenceTextOf(agent, "working_dir"));
  VM0_ASSIGN(config.working_dir, AbsolutePath(std::move(directory), "working_dir"));
  VM0_ASSIGN(config.image, ReferenceTextOf(agent, "image"));
  VM0_TRY(ParseProvider(agent, config));
  VM0_TRY(ParseProgram(agent, config));
  VM0_TRY(ParseEnvironment(agent, config));
  VM0_ASSIGN(config.sandbox,
             ChoiceOf(agent, "sandbox", {"bubblewrap", "none", "gvisor", "container", "e2b"}));
  VM0_TRY(ParseNetwork(agent, config));
  VM0_TRY(ParseAttempts(agent, config));
  VM0_ASSIGN(const json::object* limits, ObjectField(agent, "limits", "agent."));
  if (limits == nullptr) return {};
  VM0_ASSIGN(config.limits, ParseLimits(*limits));
  return {};
}

}  // namespace

Result<Config> ParseConfig(const json::value& value) {
  if (!value.is_object()) return Refuse("Config must be an object");
  const json::object& object = value.get_object();
  VM0_TRY(CheckVersion(object));
  VM0_TRY(RefuseUnknownKeys(object, "", {"version", "agent", "agents", "volumes"}));
  VM0_ASSIGN(const Definition definition, FindDefinition(object));
  if (!IsAgentName(definition.name)) return Refuse(std::string(kNameRule));
  if (!definition.value->is_object()) return Refuse("Agent definition must be an object");
  const json::object& agent = definition.value->get_object();
  VM0_TRY(RefuseUnknownKeys(agent, "agent.", KnownKeys(definition)));
  Config config;
  config.name = definition.name;
  VM0_TRY(ParseDefinition(agent, config));
  VM0_TRY(CheckVolumes(object, agent));
  return config;
}

bool IsAgentName(std::string_view name) {
  const auto is_letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (name.size() < 3 || name.size() > 64) return false;
  if (!is_letter_or_digit(name.front()) || !is_letter_or_digit(name.back())) return false;
  return std::ranges::all_of(name, [&](char c) { return is_letter_or_digit(c) || c == '-'; });
}

}  // namespace vm0::agent
