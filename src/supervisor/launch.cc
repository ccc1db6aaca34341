// SPDX-License-Identifier: Apache-2.0
#include "supervisor/launch.h"

#include <algorithm>
#include <utility>

#include "agent/adapter.h"
#include "base/text.h"

namespace vm0::supervisor {
namespace {

using Variables = std::map<std::string, std::string>;
constexpr std::string_view kPath = "/usr/local/bin:/usr/bin:/bin";

Result<std::string> FindBinary(const agent::RunSpec& spec, const agent::Adapter& adapter,
                               const std::string& search_path) {
  if (!spec.binary.empty() || adapter.program().empty()) return spec.binary;
  const std::string program(adapter.program());
  auto found = os::FindProgram(program, search_path);
  if (found) return std::move(*found);
  return Fail(Code::kNotFound, program + ": not found in " + search_path + ": install " +
                                   std::string(adapter.display_name()) +
                                   ", or name its file in the agent's config as binary");
}

// The folder of the agent's program first, since its interpreter often lies beside it; then where
// the runner finds programs, since the agent calls the user's tools; then what every machine has.
std::string PathFor(const std::string& program, const std::string& search_path) {
  std::vector<std::string> folders;
  const auto add = [&folders](std::string_view folder) {
    const bool known = std::ranges::find(folders, folder) != folders.end();
    if (folder.starts_with('/') && !known) folders.emplace_back(folder);
  };
  add(std::filesystem::path(program).parent_path().native());
  for (const std::string_view folder : Split(search_path, ':')) add(folder);
  for (const std::string_view folder : Split(kPath, ':')) add(folder);
  return Join(folders, ":");
}

void Overlay(Variables& variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
}

sandbox::WorkspaceKind KindOf(agent::Workspace::Mode mode) {
  switch (mode) {
    case agent::Workspace::Mode::kReadOnly:
      return sandbox::WorkspaceKind::kUsersReadOnly;
    case agent::Workspace::Mode::kReadWrite:
      return sandbox::WorkspaceKind::kUsers;
    case agent::Workspace::Mode::kFresh:
    case agent::Workspace::Mode::kCopy:
      break;
  }
  return sandbox::WorkspaceKind::kOwn;
}

Result<sandbox::Network> NetworkOf(const std::string& name) {
  if (name == "full") return sandbox::Network::kFull;
  if (name == "allowlist") return sandbox::Network::kAllowlist;
  if (name == "none") return sandbox::Network::kNone;
  return Fail(Code::kBadRequest, "network \"" + name + "\" is unknown to this runner");
}

}  // namespace

Result<sandbox::BoxSpec> MakeBoxSpec(const StoredRun& run, const RunDir& dir,
                                     const Variables& secrets, const std::string& search_path) {
  const agent::RunSpec& spec = run.spec;
  const agent::Adapter* adapter = agent::FindAdapter(spec.provider);
  if (adapter == nullptr) {
    return Fail(Code::kBadRequest, "provider \"" + spec.provider + "\" is unknown to this runner");
  }
  VM0_ASSIGN(std::string binary, FindBinary(spec, *adapter, search_path));
  agent::Launch launch = adapter->Command({.prompt = spec.prompt,
                                           .binary = std::move(binary),
                                           .command = spec.command,
                                           .partial = spec.partial});
  sandbox::BoxSpec box;
  box.argv = std::move(launch.argv);
  box.environment = {{"PATH", PathFor(box.argv.front(), search_path)},
                     {"LANG", "C.UTF-8"},
                     {"TERM", "dumb"},
                     {"USER", "agent"},
                     {"LOGNAME", "agent"}};
  Overlay(box.environment, launch.environment);
  Overlay(box.environment, spec.environment);
  Overlay(box.environment, secrets);
  box.environment["VM0_RUN_ID"] = run.run_id;
  box.name = run.run_id;
  box.home = dir.home();
  box.tmp = dir.tmp();
  box.workspace_kind = KindOf(spec.workspace.mode);
  box.workspace = dir.workspace();
  if (box.workspace_kind != sandbox::WorkspaceKind::kOwn) box.workspace = spec.workspace.path;
  box.working_dir = spec.working_dir;
  VM0_ASSIGN(box.network, NetworkOf(spec.network));
  // A program of the host is shown to whoever may name one; the agents that a runner finds by
  // itself are its owner's choice.
  box.show_installation = spec.host_scope || !adapter->program().empty();
  box.host_path =
      spec.host_scope ? box.environment["PATH"] : PathFor(box.argv.front(), search_path);
  VM0_ASSIGN(box.run_uid, dir.ReadUid());
  return box;
}

}  // namespace vm0::supervisor
