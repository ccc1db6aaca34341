// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launch_plan.h"

#include <signal.h>

#include "base/json.h"

namespace vm0::sandbox {
namespace {

static_assert(kKillSignal == SIGUSR1);

std::string Text(const json::object& object, std::string_view name) {
  return std::string(StringMember(object, name).value_or(""));
}

Result<std::int64_t> Number(const json::object& object, std::string_view name) {
  VM0_ASSIGN(const auto number, IntField(object, name, "plan."));
  if (!number) return Fail(Code::kBadRequest, "plan." + std::string(name) + " is missing");
  return *number;
}

}  // namespace

std::string FormatPlan(const LaunchPlan& plan) {
  const BoxSpec& box = plan.box;
  json::object environment;
  for (const auto& [name, value] : box.environment) environment[name] = value;
  json::object object{{"v", 1},
                      {"parent", plan.parent},
                      {"argv", json::array(box.argv.begin(), box.argv.end())},
                      {"environment", std::move(environment)},
                      {"home", box.home.native()},
                      {"workspace", box.workspace.native()},
                      {"tmp", box.tmp.native()},
                      {"workspaceKind", static_cast<int>(box.workspace_kind)},
                      {"workingDir", box.working_dir}};
  if (box.run_uid) object["runUid"] = *box.run_uid;
  return ToJson(json::value(std::move(object)));
}

Result<LaunchPlan> ParsePlan(std::string_view text) {
  VM0_ASSIGN(const json::object object, ParseJsonObject(text, "plan"));
  VM0_ASSIGN(const std::int64_t version, Number(object, "v"));
  if (version != 1) return Fail(Code::kBadRequest, "plan.v is " + std::to_string(version));
  LaunchPlan plan;
  VM0_ASSIGN(plan.parent, Number(object, "parent"));
  VM0_ASSIGN(const std::int64_t kind, Number(object, "workspaceKind"));
  plan.box.workspace_kind = static_cast<WorkspaceKind>(kind);
  VM0_ASSIGN(const auto uid, IntField(object, "runUid", "plan."));
  if (uid) plan.box.run_uid = static_cast<uid_t>(*uid);
  plan.box.home = Text(object, "home");
  plan.box.workspace = Text(object, "workspace");
  plan.box.tmp = Text(object, "tmp");
  plan.box.working_dir = Text(object, "workingDir");
  VM0_ASSIGN(const json::array* argv, ArrayField(object, "argv", "plan."));
  VM0_ASSIGN(const json::object* environment, ObjectField(object, "environment", "plan."));
  if (argv == nullptr || argv->empty() || environment == nullptr) {
    return Fail(Code::kBadRequest, "plan.argv or plan.environment is missing");
  }
  for (const auto& argument : *argv) plan.box.argv.emplace_back(argument.as_string());
  for (const auto& [name, value] : *environment) {
    plan.box.environment.emplace(name, value.as_string());
  }
  return plan;
}

std::string FormatReport(const Result<os::ExitStatus>& end) {
  json::object object;
  if (!end) {
    object = {{"code", InfoOf(end.error().code).name}, {"error", end.error().message}};
  } else if (end->signal != 0) {
    object = {{"signal", end->signal}};
  } else {
    object = {{"exit", end->code}};
  }
  return ToJson(json::value(std::move(object))) + "\n";
}

Result<os::ExitStatus> ParseReport(std::string_view text) {
  const auto object = ParseJsonObject(text.substr(0, text.find('\n')), "report");
  if (!object) return Fail(Code::kIo, "no report of how the agent ended");
  if (const auto error = StringMember(*object, "error")) {
    return Fail(FindCode(Text(*object, "code")).value_or(Code::kIo), std::string(*error));
  }
  VM0_ASSIGN(const auto signal, IntField(*object, "signal"));
  VM0_ASSIGN(const auto code, IntField(*object, "exit"));
  return os::ExitStatus{.code = static_cast<int>(code.value_or(0)),
                        .signal = static_cast<int>(signal.value_or(0))};
}

}  // namespace vm0::sandbox
