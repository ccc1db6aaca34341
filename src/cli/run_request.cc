// SPDX-License-Identifier: Apache-2.0
#include "cli/run_request.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "cli/reference_values.h"
#include "os/process.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

using Variables = std::map<std::string, std::string>;

json::object ToObject(const Variables& variables) {
  json::object object;
  for (const auto& [name, value] : variables) object.emplace(name, value);
  return object;
}

// -e names that look like secrets move over to the secrets.
void SplitSecrets(Variables& environment, Variables& secrets, RunRequest& request) {
  std::vector<std::string> moved;
  for (const auto& [name, value] : environment) {
    if (!agent::IsSecretName(name)) continue;
    secrets.insert_or_assign(name, value);
    moved.push_back(name);
  }
  for (const auto& name : moved) environment.erase(name);
  if (!moved.empty())
    request.notices.push_back("Treated as " +
                              std::string(moved.size() == 1 ? "a secret: " : "secrets: ") +
                              Join(moved, ", "));
}

std::string ShowVariables(const Variables& environment, const Variables& secrets) {
  Variables all = environment;
  for (const auto& secret : secrets) all.insert_or_assign(secret.first, "***");
  return all.empty() ? "" : ToJson(ToObject(all));
}

// The names that the agent will find set, by -e, --secret or its config.
std::vector<std::string> NamesGiven(const Variables& environment, const Variables& secrets,
                                    const agent::Config& config) {
  std::vector<std::string> names;
  for (const Variables* variables : {&environment, &secrets, &config.environment})
    for (const auto& entry : *variables) names.push_back(entry.first);
  return names;
}

Status ForwardCredentials(const FoundAgent& agent, const Environment& ours,
                          std::vector<std::string> names, Variables& secrets, RunRequest& request) {
  if (!agent.adapter) return {};
  std::vector<std::string> forwarded;
  for (const std::string_view variable : agent.adapter->credential_variables()) {
    const std::string name(variable);
    if (std::ranges::find(names, name) != names.end()) continue;
    auto value = ours.FindNonEmpty(name);
    if (!value) continue;
    secrets.emplace(name, std::move(*value));
    forwarded.push_back(name);
  }
  names.insert(names.end(), forwarded.begin(), forwarded.end());
  if (!agent.adapter->HasCredential(names))
    return Fail(Code::kUnauthorized, "No credentials for " +
                                         std::string(agent.adapter->display_name()) + "\n" +
                                         std::string(agent.adapter->credential_remedy()));
  if (!forwarded.empty())
    request.notices.push_back("Forwarding from your environment: " + Join(forwarded, ", "));
  return {};
}

Result<std::string> FindBinary(const agent::Adapter& adapter, const Environment& ours) {
  const std::string program(adapter.program());
  const auto found = os::FindProgram(program, ours.FindNonEmpty("PATH").value_or(""));
  std::error_code ignored;
  if (found) return fs::absolute(*found, ignored).lexically_normal().string();
  return Fail(
      Code::kNotFound,
      std::string(adapter.display_name()) + " is not installed: no program `" + program +
          "` on your PATH\nInstall it, or name it in the agent's config: binary: /path/to/" +
          program);
}

Result<json::object> WorkspaceOf(const agent::Workspace& workspace, Distance distance) {
  fs::path path = workspace.path;
  std::error_code error;
  if (distance == Distance::kSameMachine) {
    path = fs::canonical(path, error);
    if (error)
      return Fail(Code::kNotFound,
                  "No such folder: " + workspace.path + "\n-w: " + error.message());
    if (!fs::is_directory(path, error))
      return Fail(Code::kBadRequest, "Not a folder: " + workspace.path + "\n-w takes a folder");
  } else if (!path.is_absolute()) {
    return Fail(Code::kBadRequest,
                "-w must be an absolute path here: " + workspace.path +
                    "\nIt is a folder on the server's machine, which is not this "
                    "one");
  }
  return json::object{{"path", path.string()}, {"mode", agent::NameOf(workspace.mode)}};
}

bool IsGitRepository(const fs::path& folder) {
  std::error_code ignored;
  for (fs::path path = folder; !path.empty(); path = path.parent_path()) {
    if (fs::exists(path / ".git", ignored)) return true;
    if (path == path.parent_path()) break;
  }
  return false;
}

Status AddWorkspace(const RunOptions& options, Distance distance, RunRequest& request) {
  if (options.workspace.mode != agent::Workspace::Mode::kFresh) {
    VM0_ASSIGN(request.body["workspace"], WorkspaceOf(options.workspace, distance));
    return {};
  }
  std::error_code ignored;
  if (IsGitRepository(fs::current_path(ignored)))
    request.notices.push_back(
        "The agent works in an empty folder; -w . gives it a copy of this one");
  return {};
}

const std::string& SandboxOf(const RunOptions& options, const FoundAgent& agent) {
  return options.sandbox.empty() ? agent.config.sandbox : options.sandbox;
}

void AddChoices(const RunOptions& options, const FoundAgent& agent, RunRequest& request) {
  json::object& body = request.body;
  if (agent.config_id.empty())
    body["agent"] = agent.name;
  else
    body["agentConfigId"] = agent.config_id;
  body["prompt"] = options.prompt;
  if (options.timeout) body["timeout"] = options.timeout->count();
  if (!options.sandbox.empty()) body["sandbox"] = options.sandbox;
  if (!options.network.empty()) body["network"] = options.network;
  if (!options.allow.empty())
    body["allow"] = json::array(options.allow.begin(), options.allow.end());
  if (options.partial) body["partial"] = true;
  if (SandboxOf(options, agent) == "none")
    request.notices.push_back(
        "Running without a sandbox: the agent can do everything that the server's user can");
}

void AddReferences(const KnownValues& known, RunRequest& request) {
  const auto& [vars, secrets] = known.references;
  if (!vars.empty()) request.body["vars"] = ToObject(vars);
  if (!secrets.empty()) request.body["configSecrets"] = ToObject(secrets);
  if (!known.stored.empty())
    request.body["storedSecrets"] = json::array(known.stored.begin(), known.stored.end());
  request.notices.insert(request.notices.end(), known.notices.begin(), known.notices.end());
}

}  // namespace

Result<RunRequest> MakeRunRequest(const RunOptions& options, const FoundAgent& agent,
                                  const Environment& environment, Distance distance) {
  RunRequest request;
  AddChoices(options, agent, request);
  Variables variables = options.environment;
  VM0_ASSIGN(KnownValues known, FindValues(agent.references, options, environment));
  Variables secrets = options.secrets;
  secrets.merge(known.secrets);
  AddReferences(known, request);
  SplitSecrets(variables, secrets, request);
  request.variables = ShowVariables(variables, secrets);
  auto names = NamesGiven(variables, secrets, agent.config);
  names.insert(names.end(), known.stored.begin(), known.stored.end());
  VM0_TRY(ForwardCredentials(agent, environment, std::move(names), secrets, request));
  if (!variables.empty()) request.body["env"] = ToObject(variables);
  if (!secrets.empty()) request.body["secrets"] = ToObject(secrets);
  VM0_TRY(AddWorkspace(options, distance, request));
  const bool needs_binary = agent.adapter && !agent.adapter->program().empty() &&
                            agent.config.binary.empty() && distance == Distance::kSameMachine &&
                            SandboxOf(options, agent) != agent::kCloudSandbox;
  if (needs_binary) {
    VM0_ASSIGN(request.body["binary"], FindBinary(*agent.adapter, environment));
  }
  return request;
}

}  // namespace vm0::cli
