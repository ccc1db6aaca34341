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

json::object ToObject(const std::map<std::string, std::string>& variables) {
  json::object object;
  for (const auto& [name, value] : variables) object[name] = value;
  return object;
}

json::object ToObject(const Limits& limits) {
  json::object object;
  if (limits.memory_bytes) object["memoryBytes"] = *limits.memory_bytes;
  if (limits.pids) object["pids"] = *limits.pids;
  if (limits.cpu) object["cpu"] = *limits.cpu;
  if (limits.open_files) object["openFiles"] = *limits.open_files;
  if (limits.file_bytes) object["fileBytes"] = *limits.file_bytes;
  return object;
}

Result<Limits> ReadLimits(const json::object& plan) {
  Limits limits;
  VM0_ASSIGN(const json::object* object, ObjectField(plan, "limits", "plan."));
  if (object == nullptr) return limits;
  VM0_ASSIGN(limits.memory_bytes, IntField(*object, "memoryBytes"));
  VM0_ASSIGN(limits.pids, IntField(*object, "pids"));
  VM0_ASSIGN(limits.open_files, IntField(*object, "openFiles"));
  VM0_ASSIGN(limits.file_bytes, IntField(*object, "fileBytes"));
  if (const json::value* cpu = object->if_contains("cpu")) limits.cpu = cpu->to_number<double>();
  return limits;
}

struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
};

Result<Command> ReadCommand(const json::object& plan) {
  VM0_ASSIGN(const json::array* argv, ArrayField(plan, "argv", "plan."));
  VM0_ASSIGN(const json::object* environment, ObjectField(plan, "environment", "plan."));
  if (argv == nullptr || argv->empty() || environment == nullptr) {
    return Fail(Code::kBadRequest, "plan.argv or plan.environment is missing");
  }
  Command command;
  for (const auto& argument : *argv) command.argv.emplace_back(argument.as_string());
  for (const auto& [name, value] : *environment) {
    command.environment.emplace(name, value.as_string());
  }
  return command;
}

}  // namespace

std::string FormatPlan(const LaunchPlan& plan) {
  const BoxSpec& box = plan.box;
  json::object object{{"v", 1},
                      {"parent", plan.parent},
                      {"argv", json::array(box.argv.begin(), box.argv.end())},
                      {"environment", ToObject(box.environment)},
                      {"hostPath", box.host_path},
                      {"bubblewrap", plan.bubblewrap},
                      {"name", box.name},
                      {"home", box.home.native()},
                      {"workspace", box.workspace.native()},
                      {"tmp", box.tmp.native()},
                      {"workspaceKind", static_cast<int>(box.workspace_kind)},
                      {"workingDir", box.working_dir},
                      {"showInstallation", box.show_installation},
                      {"network", static_cast<int>(box.network)},
                      {"limits", ToObject(box.limits)}};
  if (box.run_uid) object["runUid"] = *box.run_uid;
  json::array groups;
  for (const auto& group : plan.groups) groups.emplace_back(group.native());
  object["groups"] = std::move(groups);
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
  VM0_ASSIGN(const std::int64_t network, Number(object, "network"));
  plan.box.network = static_cast<Network>(network);
  plan.bubblewrap = Text(object, "bubblewrap");
  VM0_ASSIGN(const json::array* groups, ArrayField(object, "groups", "plan."));
  for (const auto& group : groups ? *groups : json::array()) {
    plan.groups.emplace_back(std::string(group.as_string()));
  }
  plan.box.name = Text(object, "name");
  const json::value* shows = object.if_contains("showInstallation");
  plan.box.show_installation = shows != nullptr && shows->is_bool() && shows->get_bool();
  plan.box.home = Text(object, "home");
  plan.box.workspace = Text(object, "workspace");
  plan.box.host_path = Text(object, "hostPath");
  plan.box.tmp = Text(object, "tmp");
  plan.box.working_dir = Text(object, "workingDir");
  VM0_ASSIGN(plan.box.limits, ReadLimits(object));
  VM0_ASSIGN(Command command, ReadCommand(object));
  plan.box.argv = std::move(command.argv);
  plan.box.environment = std::move(command.environment);
  return plan;
}

std::string FormatInsidePlan(const InsidePlan& plan) {
  const AgentLaunch& launch = plan.launch;
  json::object object{{"v", 1},
                      {"inside", launch.executable},
                      {"argv", json::array(launch.argv.begin(), launch.argv.end())},
                      {"environment", ToObject(launch.environment)},
                      {"workingDir", launch.working_dir},
                      {"limits", ToObject(launch.limits)},
                      {"out", plan.out},
                      {"err", plan.err},
                      {"filter", plan.filter},
                      {"writable", json::array(plan.writable.begin(), plan.writable.end())},
                      {"network", static_cast<int>(plan.network)}};
  return ToJson(json::value(std::move(object)));
}

Result<std::optional<InsidePlan>> ParseInsidePlan(std::string_view text) {
  VM0_ASSIGN(const json::object object, ParseJsonObject(text, "plan"));
  if (!object.contains("inside")) return std::nullopt;
  InsidePlan plan;
  plan.launch.executable = Text(object, "inside");
  plan.launch.working_dir = Text(object, "workingDir");
  VM0_ASSIGN(plan.out, Number(object, "out"));
  VM0_ASSIGN(plan.err, Number(object, "err"));
  VM0_ASSIGN(plan.filter, Number(object, "filter"));
  VM0_ASSIGN(const json::array* writable, ArrayField(object, "writable", "plan."));
  if (writable == nullptr) return Fail(Code::kBadRequest, "plan.writable is missing");
  for (const auto& folder : *writable) plan.writable.emplace_back(folder.as_string());
  VM0_ASSIGN(const std::int64_t network, Number(object, "network"));
  plan.network = static_cast<Network>(network);
  VM0_ASSIGN(plan.launch.limits, ReadLimits(object));
  VM0_ASSIGN(Command command, ReadCommand(object));
  plan.launch.argv = std::move(command.argv);
  plan.launch.environment = std::move(command.environment);
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
