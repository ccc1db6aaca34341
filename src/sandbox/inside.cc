// SPDX-License-Identifier: Apache-2.0
#include "sandbox/inside.h"

#include <grp.h>
#include <unistd.h>

#include <utility>

#include "os/fd.h"
#include "sandbox/installation.h"
#include "sandbox/mounts.h"
#include "sandbox/shelf.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

Error Unavailable(const std::string& what, const Error& reason) {
  return {Code::kSandboxUnavailable, what + ": " + reason.message};
}

// Shows the installation of `program` below `name`; the program's path there.
Result<fs::path> ShowInstallation(Shelf& shelf, const fs::path& program, const std::string& name) {
  std::error_code error;
  const fs::path resolved = fs::canonical(program, error);
  if (error) return Fail(SystemErrorOf(error.value(), "find", program.native()));
  const fs::path installation = InstallationOf(resolved);
  const bool is_file = installation == resolved;
  const std::string place = name + "/" + installation.filename().native();
  VM0_TRY(shelf.Add(installation, place, MakeReadOnly));
  return is_file ? shelf.PathOf(place)
                 : shelf.PathOf(place) / resolved.lexically_relative(installation);
}

Status ShowInterpreter(Shelf& shelf, const fs::path& script, AgentLaunch& launch) {
  const auto interpreter = ReadInterpreter(script);
  if (!interpreter) return {};
  if (const auto name = interpreter->SearchedProgram()) {
    const auto found = os::FindProgram(*name, launch.environment["PATH"]);
    if (!found || shelf.Reaches(*found, X_OK)) return {};
    VM0_ASSIGN(const fs::path inside, ShowInstallation(shelf, *found, "interpreter"));
    shelf.AddProgram(*name, inside);
    return {};
  }
  if (shelf.Reaches(interpreter->path, X_OK)) return {};
  VM0_ASSIGN(const fs::path inside, ShowInstallation(shelf, interpreter->path, "interpreter"));
  // The kernel would look for it at its own path: done by hand what it does with "#!".
  std::vector<std::string> argv = {inside.native()};
  if (!interpreter->argument.empty()) argv.push_back(interpreter->argument);
  argv.push_back(launch.executable);
  argv.insert(argv.end(), launch.argv.begin() + 1, launch.argv.end());
  launch.argv = std::move(argv);
  launch.executable = inside;
  return {};
}

Status ShowProgram(Shelf& shelf, AgentLaunch& launch) {
  const fs::path program = launch.executable;
  if (program.is_relative()) return {};  // in the workspace
  const bool is_script = ReadInterpreter(program).has_value();
  if (!shelf.Reaches(program, is_script ? R_OK | X_OK : X_OK)) {
    VM0_ASSIGN(const fs::path inside, ShowInstallation(shelf, program, "agent"));
    launch.executable = inside;
    launch.argv.front() = inside;
  }
  VM0_TRY(ShowInterpreter(shelf, program, launch));
  if (shelf.has_programs()) {
    std::string& path = launch.environment["PATH"];
    path = shelf.PathOf("bin").native() + (path.empty() ? "" : ":" + path);
  }
  return {};
}

Result<AgentLaunch> FillShelf(Shelf& shelf, const BoxSpec& spec) {
  VM0_TRY(shelf.Choose());
  VM0_TRY(shelf.AddFolders(spec));
  AgentLaunch launch =
      MakeLaunch(spec, {shelf.PathOf("home"), shelf.PathOf("workspace"), shelf.PathOf("tmp")});
  VM0_TRY(ShowProgram(shelf, launch));
  VM0_TRY(shelf.Mount());
  return launch;
}

}  // namespace

Result<AgentLaunch> ShowToRunUser(const BoxSpec& spec) {
  // What our own groups may read is not what the run's user may.
  if (::setgroups(0, nullptr) != 0) {
    return Fail(Unavailable("sandbox none", SystemError("setgroups")));
  }
  Shelf shelf(*spec.run_uid);
  auto launch = FillShelf(shelf, spec);
  if (!launch) return Fail(Unavailable("sandbox none", launch.error()));
  return launch;
}

Result<AgentLaunch> ShowToOurselves(const BoxSpec& spec) {
  AgentLaunch launch = MakeLaunch(spec, HostFolders(spec));
  if (spec.workspace_kind != WorkspaceKind::kUsersReadOnly) return launch;
  auto tree = CloneTree(spec.workspace);
  Status status = tree ? MakeReadOnly(*tree) : Status(Fail(tree.error()));
  if (status) status = Attach(*tree, spec.workspace);
  if (!status) return Fail(Unavailable("sandbox none, workspace :ro", status.error()));
  return launch;
}

}  // namespace vm0::sandbox
