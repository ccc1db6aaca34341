// SPDX-License-Identifier: Apache-2.0
#include "api/run_request.h"

#include <algorithm>

#include "agent/templates.h"
#include "api/inputs.h"
#include "base/host_rule.h"
#include "base/text.h"
#include "run/runs.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxPathBytes = 4096;
constexpr std::size_t kMaxAllowed = 1000;
constexpr std::size_t kMaxHostBytes = 300;
constexpr std::size_t kMaxWordBytes = 255;

using Texts = std::map<std::string, std::string>;

std::unexpected<Error> Refuse(std::string_view field, std::string_view rule) {
  return Fail(Code::kBadRequest, std::string(field) + " " + std::string(rule));
}

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// A short string without NUL, not empty.
Result<std::optional<std::string>> WordField(const json::object& body, std::string_view name) {
  VM0_ASSIGN(std::optional<std::string> word, StringField(body, name));
  if (word && (word->empty() || word->size() > kMaxWordBytes || HasNul(*word)))
    return Refuse(name, "must be 1 to 255 bytes without NUL");
  return word;
}

Status ReadAgent(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(request.agent_config_id, StringField(body, "agentConfigId"));
  VM0_ASSIGN(request.agent, StringField(body, "agent"));
  const bool has_id = request.agent_config_id && !request.agent_config_id->empty();
  const bool has_agent = request.agent && !request.agent->empty();
  if (has_id && has_agent) return Fail(Code::kBadRequest, "Give agentConfigId or agent, not both");
  if (!has_id && !has_agent) return Fail(Code::kBadRequest, "Missing agentConfigId");
  if (!has_id) request.agent_config_id.reset();
  if (!has_agent) request.agent.reset();
  return {};
}

Status ReadPrompt(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(const std::optional<std::string> prompt, StringField(body, "prompt"));
  if (!prompt || prompt->empty()) return Fail(Code::kBadRequest, "Missing prompt");
  if (prompt->size() > kMaxPromptBytes)
    return Refuse("prompt", "must be at most 120000 bytes; put more into a file of the workspace");
  if (HasNul(*prompt)) return Refuse("prompt", "must not contain a NUL");
  request.prompt = *prompt;
  return {};
}

bool IsVariableName(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Status CheckVariable(std::string_view field, std::string_view name, const json::value& value) {
  if (!IsVariableName(name))
    return Refuse(field, "has an invalid name: \"" + Shown(name) +
                             "\"; names are letters, digits and _, and don't start with a digit");
  const std::string where = std::string(field) + "." + Shown(name);
  if (!value.is_string()) return Refuse(where, "must be a string");
  if (HasNul(value.get_string())) return Refuse(where, "must not contain a NUL");
  if (name.size() + value.get_string().size() + 2 > kMaxVariableBytes)
    return Refuse(where, "is too long: at most 128 KiB with its name");
  return {};
}

Result<Texts> VariablesField(const json::object& body, std::string_view field) {
  Texts texts;
  VM0_ASSIGN(const json::object* object, ObjectField(body, field));
  if (object == nullptr) return texts;
  if (object->size() > kMaxVariables) return Refuse(field, "must have at most 1000 entries");
  for (const auto& [name, value] : *object) {
    VM0_TRY(CheckVariable(field, name, value));
    texts.emplace(name, value.get_string());
  }
  return texts;
}

Status ReadVariables(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(request.environment, VariablesField(body, "env"));
  VM0_ASSIGN(Texts dynamic, VariablesField(body, "dynamicVars"));
  if (!request.environment.empty() && !dynamic.empty())
    return Fail(Code::kBadRequest, "Give env or dynamicVars, not both: they mean the same");
  request.environment.merge(dynamic);
  VM0_ASSIGN(request.secrets, VariablesField(body, "secrets"));
  for (const auto& [name, value] : request.secrets) {
    if (value.empty()) return Refuse("secrets." + name, "must not be empty");
  }
  return {};
}

Status ReadStoredSecrets(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(const json::array* names, ArrayField(body, "storedSecrets"));
  if (names == nullptr) return {};
  if (names->size() > kMaxVariables) return Refuse("storedSecrets", "must have at most 1000 names");
  for (const json::value& name : *names) {
    if (!name.is_string() || !agent::IsReferenceName(name.get_string()))
      return Refuse("storedSecrets", "must be a list of names of secrets");
    request.stored_secrets.emplace_back(name.get_string());
  }
  return {};
}

// What the config refers to.
Status ReadReferences(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(request.vars, VariablesField(body, "vars"));
  VM0_ASSIGN(request.config_secrets, VariablesField(body, "configSecrets"));
  for (const auto& [name, value] : request.config_secrets) {
    if (value.empty()) return Refuse("configSecrets." + name, "must not be empty");
  }
  return ReadStoredSecrets(body, request);
}

Status CheckPath(std::string_view field, const std::string& path) {
  if (!path.starts_with('/')) return Refuse(field, "must be an absolute path");
  if (path.size() > kMaxPathBytes || HasNul(path))
    return Refuse(field, "must be at most 4096 bytes without NUL");
  return {};
}

Status ReadWorkspace(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(const json::object* object, ObjectField(body, "workspace"));
  if (object == nullptr) return {};
  VM0_TRY(RefuseUnknownFields(*object, {"path", "mode"}, "workspace."));
  VM0_ASSIGN(const std::optional<std::string> path, StringField(*object, "path", "workspace."));
  VM0_ASSIGN(const std::optional<std::string> mode, StringField(*object, "mode", "workspace."));
  if (!path) return Fail(Code::kBadRequest, "Missing workspace.path");
  VM0_TRY(CheckPath("workspace.path", *path));
  const auto found = agent::FindWorkspaceMode(mode.value_or("copy"));
  if (!found || *found == agent::Workspace::Mode::kFresh)
    return Refuse("workspace.mode", "must be copy, ro or rw");
  request.workspace = agent::Workspace{*found, *path};
  return {};
}

Status ReadAllow(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(const json::array* array, ArrayField(body, "allow"));
  if (array == nullptr) return {};
  if (array->size() > kMaxAllowed) return Refuse("allow", "must have at most 1000 entries");
  request.allow.emplace();
  for (const json::value& entry : *array) {
    if (!entry.is_string() || entry.get_string().empty() ||
        entry.get_string().size() > kMaxHostBytes || HasNul(entry.get_string()))
      return Refuse("allow", "must be a list of rules, such as [\"example.com:443\"]");
    if (const auto rule = ParseHostRule(entry.get_string()); !rule)
      return Refuse("allow", "has a bad " + rule.error().message);
    request.allow->emplace_back(entry.get_string());
  }
  return {};
}

Status ReadBox(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(request.sandbox, WordField(body, "sandbox"));
  VM0_ASSIGN(request.network, WordField(body, "network"));
  if (request.network && *request.network != "none" && *request.network != "allowlist" &&
      *request.network != "full")
    return Refuse("network", "must be none, allowlist or full");
  VM0_TRY(ReadAllow(body, request));
  VM0_ASSIGN(const auto timeout, IntWithin(body, "timeout", 1, agent::kMaxTimeout.count()));
  if (timeout) request.timeout = Seconds(*timeout);
  VM0_ASSIGN(const auto attempts, IntWithin(body, "maxAttempts", 1, run::kMostAttempts));
  if (attempts) request.max_attempts = static_cast<int>(*attempts);
  return {};
}

Status ReadProgram(const json::object& body, RunRequest& request) {
  VM0_ASSIGN(request.binary, StringField(body, "binary"));
  if (request.binary) VM0_TRY(CheckPath("binary", *request.binary));
  VM0_ASSIGN(const std::optional<bool> partial, BoolField(body, "partial"));
  request.partial = partial.value_or(false);
  return {};
}

}  // namespace

Result<RunRequest> ParseRunRequest(const json::object& body) {
  RunRequest request;
  VM0_TRY(ReadAgent(body, request));
  VM0_TRY(ReadPrompt(body, request));
  VM0_TRY(RefuseUnknownFields(
      body, {"agentConfigId", "agent", "prompt", "env", "dynamicVars", "secrets", "storedSecrets",
             "vars", "configSecrets", "workspace", "timeout", "maxAttempts", "sandbox", "network",
             "allow", "binary", "partial"}));
  VM0_TRY(ReadVariables(body, request));
  VM0_TRY(ReadReferences(body, request));
  VM0_TRY(ReadWorkspace(body, request));
  VM0_TRY(ReadBox(body, request));
  VM0_TRY(ReadProgram(body, request));
  return request;
}

}  // namespace vm0::api
