// SPDX-License-Identifier: Apache-2.0
#include "agent/spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/config_limits.h"
#include "base/text.h"
#include "event/record.h"

namespace vm0::agent {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kPath = "spec.";

constexpr std::array<std::pair<Workspace::Mode, std::string_view>, 4> kModes = {{
    {Workspace::Mode::kFresh, "fresh"},
    {Workspace::Mode::kCopy, "copy"},
    {Workspace::Mode::kReadOnly, "ro"},
    {Workspace::Mode::kReadWrite, "rw"},
}};

std::unexpected<Error> Refuse(std::string_view field, std::string_view rule) {
  return Fail(Code::kBadRequest, std::string(kPath) + std::string(field) + " " + std::string(rule));
}

json::object LimitsJson(const Limits& limits) {
  json::object object;
  if (limits.memory_bytes) object["memory"] = *limits.memory_bytes;
  if (limits.pids) object["pids"] = *limits.pids;
  if (limits.cpu) object["cpu"] = *limits.cpu;
  if (limits.disk_bytes) object["disk"] = *limits.disk_bytes;
  if (limits.files) object["files"] = *limits.files;
  if (limits.open_files) object["open_files"] = *limits.open_files;
  if (limits.timeout) object["timeout"] = limits.timeout->count();
  if (limits.idle_timeout) object["idle_timeout"] = limits.idle_timeout->count();
  return object;
}

json::array StringsJson(const std::vector<std::string>& strings) {
  return json::array(strings.begin(), strings.end());
}

// Leaves `member` as it is when the field is absent.
Status Take(std::string& member, const json::object& object, std::string_view name) {
  VM0_ASSIGN(auto text, StringField(object, name, kPath));
  if (text) member = std::move(*text);
  return {};
}

Status Take(bool& member, const json::object& object, std::string_view name) {
  VM0_ASSIGN(const auto value, BoolField(object, name, kPath));
  if (value) member = *value;
  return {};
}

Status Take(std::int64_t& member, const json::object& object, std::string_view name) {
  VM0_ASSIGN(const auto value, IntField(object, name, kPath));
  if (!value) return {};
  if (*value < 1) return Refuse(name, "must be at least 1");
  member = *value;
  return {};
}

Status Take(std::vector<std::string>& member, const json::object& object, std::string_view name) {
  VM0_ASSIGN(const json::array* array, ArrayField(object, name, kPath));
  if (array == nullptr) return {};
  for (const auto& element : *array) {
    if (!element.is_string()) return Refuse(name, "must be an array of strings");
    member.emplace_back(element.get_string());
  }
  return {};
}

Status TakeEnvironment(RunSpec& spec, const json::object& object) {
  VM0_ASSIGN(const json::object* variables, ObjectField(object, "environment", kPath));
  if (variables == nullptr) return {};
  for (const auto& [name, value] : *variables) {
    if (!value.is_string()) return Refuse("environment." + std::string(name), "must be a string");
    spec.environment.emplace(name, value.get_string());
  }
  return {};
}

Status TakeWorkspace(RunSpec& spec, const json::object& object) {
  VM0_ASSIGN(const json::object* workspace, ObjectField(object, "workspace", kPath));
  if (workspace == nullptr) return {};
  std::string mode_name(NameOf(Workspace::Mode::kFresh));
  VM0_TRY(Take(mode_name, *workspace, "mode"));
  const auto mode = FindWorkspaceMode(mode_name);
  if (!mode) return Refuse("workspace.mode", "must be fresh, copy, ro or rw");
  spec.workspace.mode = *mode;
  VM0_TRY(Take(spec.workspace.path, *workspace, "path"));
  if (*mode != Workspace::Mode::kFresh && !spec.workspace.path.starts_with('/')) {
    return Refuse("workspace.path", "must be an absolute path");
  }
  return {};
}

Status TakeLimits(RunSpec& spec, const json::object& object) {
  VM0_ASSIGN(const json::object* limits, ObjectField(object, "limits", kPath));
  if (limits != nullptr) {
    VM0_ASSIGN(spec.limits, ParseLimits(*limits));
  }
  VM0_TRY(Take(spec.line_limit_bytes, object, "lineLimitBytes"));
  if (spec.line_limit_bytes > static_cast<std::int64_t>(event::kMaxLineLimit)) {
    return Refuse("lineLimitBytes", "must be at most 16 MiB");
  }
  return Take(spec.spool_limit_bytes, object, "spoolLimitBytes");
}

Status CheckVersion(const json::object& object) {
  VM0_ASSIGN(const auto version, IntField(object, "v", kPath));
  if (version == kVersion) return {};
  return Refuse("v", "is " + (version ? std::to_string(*version) : std::string("missing")) +
                         ": this vm0 knows version 1 only");
}

}  // namespace

std::string_view NameOf(Workspace::Mode mode) {
  for (const auto& [known, name] : kModes)
    if (known == mode) return name;
  return "";
}

std::optional<Workspace::Mode> FindWorkspaceMode(std::string_view name) {
  for (const auto& [mode, known] : kModes)
    if (known == name) return mode;
  return std::nullopt;
}

bool IsSecretName(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kEndings = {"key", "token", "secret",
                                                               "password"};
  const std::string lower = ToLowerAscii(name);
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return lower.ends_with(ending); });
}

json::object ToJson(const RunSpec& spec) {
  json::object environment;
  for (const auto& [name, value] : spec.environment) environment[name] = value;
  json::object workspace{{"mode", NameOf(spec.workspace.mode)}};
  if (!spec.workspace.path.empty()) workspace["path"] = spec.workspace.path;
  return {{"v", kVersion},
          {"provider", spec.provider},
          {"dialect", spec.dialect},
          {"command", StringsJson(spec.command)},
          {"binary", spec.binary},
          {"prompt", spec.prompt},
          {"partial", spec.partial},
          {"environment", std::move(environment)},
          {"workspace", std::move(workspace)},
          {"workingDir", spec.working_dir},
          {"sandbox", spec.sandbox},
          {"image", spec.image},
          {"network", spec.network},
          {"allow", StringsJson(spec.allow)},
          {"deny", StringsJson(spec.deny)},
          {"hostScope", spec.host_scope},
          {"limits", LimitsJson(spec.limits)},
          {"lineLimitBytes", spec.line_limit_bytes},
          {"spoolLimitBytes", spec.spool_limit_bytes}};
}

Result<RunSpec> ParseRunSpec(const json::object& object) {
  VM0_TRY(CheckVersion(object));
  RunSpec spec;
  VM0_TRY(Take(spec.provider, object, "provider"));
  VM0_TRY(Take(spec.dialect, object, "dialect"));
  VM0_TRY(Take(spec.command, object, "command"));
  VM0_TRY(Take(spec.binary, object, "binary"));
  VM0_TRY(Take(spec.prompt, object, "prompt"));
  VM0_TRY(Take(spec.partial, object, "partial"));
  VM0_TRY(TakeEnvironment(spec, object));
  VM0_TRY(TakeWorkspace(spec, object));
  VM0_TRY(Take(spec.working_dir, object, "workingDir"));
  VM0_TRY(Take(spec.sandbox, object, "sandbox"));
  VM0_TRY(Take(spec.image, object, "image"));
  VM0_TRY(Take(spec.network, object, "network"));
  VM0_TRY(Take(spec.allow, object, "allow"));
  VM0_TRY(Take(spec.deny, object, "deny"));
  VM0_TRY(Take(spec.host_scope, object, "hostScope"));
  VM0_TRY(TakeLimits(spec, object));
  if (spec.provider.empty()) return Refuse("provider", "is missing");
  if (spec.dialect.empty()) return Refuse("dialect", "is missing");
  return spec;
}

}  // namespace vm0::agent
