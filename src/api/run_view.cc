// SPDX-License-Identifier: Apache-2.0
#include "api/run_view.h"

#include "agent/limits.h"
#include "agent/spec.h"
#include "api/create_run.h"
#include "api/object_writer.h"
#include "base/json.h"
#include "base/utf8.h"

namespace vm0::api {
namespace {

constexpr std::size_t kListedPromptCharacters = 1000;

// The first `most` characters of valid UTF-8.
std::string_view FirstCharacters(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size() && count < most; ++count)
    end += Utf8SequenceAt(text, end).size;
  return text.substr(0, end);
}

std::string FormatWorkspace(const agent::Workspace& workspace) {
  ObjectWriter body;
  body.Text("mode", agent::NameOf(workspace.mode));
  if (!workspace.path.empty()) body.Text("path", workspace.path);
  return body.Take();
}

// The stored usage, with the defaults that its machine could not hold apart.
struct UsageView {
  std::optional<std::string> numbers;  // JSON object
  std::optional<std::vector<std::string>> unenforced;
};

Result<UsageView> ReadUsage(const store::Run& run) {
  UsageView view;
  if (!run.usage) return view;
  auto usage = ParseJsonObject(*run.usage, "the run's usage");
  if (!usage) return Fail(Code::kIo, usage.error().message);
  view.unenforced.emplace();
  if (const json::array* names = ArrayMember(*usage, "unenforced")) {
    for (const auto& name : *names)
      if (name.is_string()) view.unenforced->emplace_back(name.get_string());
  }
  usage->erase("unenforced");
  view.numbers = ToJson(json::value(*std::move(usage)));
  return view;
}

// The limits as they hold, and which of them somebody has named. Which defaults could not be held
// is known when the run has ended; without a sandbox, before.
std::string FormatLimits(const agent::RunSpec& spec, const UsageView& usage) {
  const agent::Enforceable everything{
      .memory = true, .pids = true, .cpu = true, .disk = true, .open_files = true};
  const agent::Limits limits = agent::HeldLimits(spec.limits, everything);
  ObjectWriter body;
  body.Number("memoryBytes", *limits.memory_bytes).Number("pids", *limits.pids);
  if (limits.cpu) body.Raw("cpu", ToJson(json::value(*limits.cpu)));
  body.Number("diskBytes", *limits.disk_bytes).Number("files", *limits.files);
  body.Number("openFiles", *limits.open_files);
  body.Number("timeoutSeconds", limits.timeout->count());
  body.Number("idleTimeoutSeconds", limits.idle_timeout->count());
  body.Number("lineBytes", spec.line_limit_bytes).Number("spoolBytes", spec.spool_limit_bytes);
  body.Texts("named", agent::NamesOf(spec.limits));
  auto unenforced = usage.unenforced;
  if (spec.sandbox == kNoSandbox || spec.sandbox == agent::kCloudSandbox)
    unenforced = agent::UnheldDefaults(spec.limits, {});
  if (unenforced) body.Texts("unenforced", *unenforced);
  return body.Take();
}

// Of another version of vm0, or damaged.
Result<agent::RunSpec> ReadSpec(const store::Run& run) {
  VM0_ASSIGN(const json::object object, ParseJsonObject(run.spec, "spec"));
  return agent::ParseRunSpec(object);
}

void WriteSpec(ObjectWriter& body, const store::Run& run, const agent::RunSpec& spec,
               const UsageView& usage) {
  std::vector<std::string> names;
  ObjectWriter values;
  for (const auto& [name, value] : spec.environment) {
    names.push_back(name);
    values.Text(name, value);
  }
  body.Text("sandbox", spec.sandbox).Texts("environment", names);
  if (!names.empty()) body.Raw("dynamicVars", values.Take());
  // Of an external run its owner decides these.
  if (run.external) return;
  body.Text("network", spec.network).Texts("allow", spec.allow);
  body.Raw("limits", FormatLimits(spec, usage)).Raw("workspace", FormatWorkspace(spec.workspace));
  if (!spec.image.empty()) body.Text("image", spec.image);
  if (!spec.binary.empty()) body.Text("binary", spec.binary);
  if (!spec.working_dir.empty()) body.Text("workingDir", spec.working_dir);
}

void WriteProgress(ObjectWriter& body, const store::Run& run) {
  body.Number("attempt", run.attempt);
  // An external run has no attempts to fail.
  if (!run.external) body.Number("maxAttempts", run.max_attempts);
  body.TextIf("lastFailure", run.last_failure);
  if (!run.machine.empty()) body.Text("machine", run.machine);
  body.TimeIf("cancelRequestedAt", run.cancel_requested_at).Time("createdAt", run.created_at);
  body.TimeIf("startedAt", run.started_at).TimeIf("completedAt", run.completed_at);
  body.RawIf("result", run.result).TextIf("error", run.error).TextIf("errorCode", run.error_code);
}

}  // namespace

std::optional<std::string> FormatPruned(const store::Pruned& pruned) {
  if (!pruned.any()) return std::nullopt;
  ObjectWriter body;
  body.Number("lastSequence", pruned.to).TimeIf("at", pruned.at);
  return body.Take();
}

std::string FormatListedRun(const store::Run& run, const RunContext& context) {
  const std::string id = run.id.ToString();
  const std::string_view prompt = FirstCharacters(run.prompt, kListedPromptCharacters);
  ObjectWriter body;
  body.Text("id", id).Text("runId", id).Text("agentName", run.agent_name);
  body.Text("provider", run.provider).Text("status", store::NameOf(run.status));
  body.NumberIf("queuePosition", context.place).RawIf("activity", context.activity);
  body.NumberIf("lastSequence", context.last_sequence).Text("prompt", prompt);
  if (prompt.size() < run.prompt.size()) body.Bool("promptCut", true);
  body.Time("createdAt", run.created_at).TimeIf("startedAt", run.started_at);
  body.TimeIf("completedAt", run.completed_at).TextIf("error", run.error);
  body.TextIf("errorCode", run.error_code).RawIf("pruned", FormatPruned(context.pruned));
  return body.Take();
}

Result<std::string> FormatRun(const store::Run& run, const std::vector<std::string>& secret_names,
                              std::int64_t last_sequence, const RunContext& context) {
  const auto spec = ReadSpec(run);
  VM0_ASSIGN(const UsageView usage, ReadUsage(run));

  const std::string id = run.id.ToString();
  ObjectWriter body;
  body.Text("runId", id).Text("id", id);
  if (run.agent_config_id) body.Text("agentConfigId", run.agent_config_id->ToString());
  body.Text("agentName", run.agent_name).Text("provider", run.provider);
  body.Text("dialect", run.dialect).Text("status", store::NameOf(run.status));
  body.NumberIf("queuePosition", context.place).RawIf("activity", context.activity);
  body.Text("prompt", run.prompt);
  if (spec) {
    WriteSpec(body, run, *spec, usage);
  } else {
    body.Text("specProblem", "the run's spec can't be read: " + spec.error().message);
  }
  body.Texts("secrets", secret_names);
  WriteProgress(body, run);
  body.RawIf("usage", usage.numbers);
  body.Number("lastSequence", last_sequence).RawIf("pruned", FormatPruned(context.pruned));
  return body.Take();
}

}  // namespace vm0::api
