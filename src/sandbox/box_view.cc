// SPDX-License-Identifier: Apache-2.0
#include "sandbox/box_view.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>

#include "os/process.h"
#include "sandbox/installation.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

// What every box shows anyway.
constexpr std::array<const char*, 5> kSystem = {"/usr", "/bin", "/sbin", "/lib", "/lib64"};

bool LiesIn(const fs::path& path, const fs::path& folder) {
  return std::ranges::mismatch(path, folder).in2 == folder.end();
}

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool IsSystem(const fs::path& path) {
  return std::ranges::any_of(kSystem, [&](const char* folder) { return LiesIn(path, folder); });
}

bool IsHome(const fs::path& path) {
  const passwd* user = ::getpwuid(::geteuid());
  if (user != nullptr && path == fs::path(user->pw_dir)) return true;
  return path == "/root" || path == "/home" || path.parent_path() == "/home";
}

Status CheckInstallation(const fs::path& installation, const fs::path& home_of_run) {
  // <data directory>/runs/<id>/home
  const fs::path data = fs::weakly_canonical(home_of_run).parent_path().parent_path().parent_path();
  const auto refuse = [&](const std::string& reason) {
    return Fail(Code::kSandboxUnavailable,
                "the agent's program can't be shown in the sandbox: " + installation.native() +
                    " " + reason + "; install it elsewhere");
  };
  if (installation == "/") return refuse("is the whole host");
  if (IsHome(installation)) return refuse("is a home folder");
  if (LiesIn(installation, data)) return refuse("lies in vm0's data directory");
  if (LiesIn(data, installation)) return refuse("holds vm0's data directory");
  return {};
}

class ProgramFinder {
 public:
  explicit ProgramFinder(const BoxSpec& spec) : spec_(spec) {}

  Result<ProgramView> Find() {
    const auto program = FindFile();
    if (!program) return AsItStands();
    VM0_TRY(ShowWithInterpreter(*program));
    view_.executable = fs::canonical(*program);
    std::erase_if(view_.links, [this](const auto& link) { return IsShown(link.place); });
    return std::move(view_);
  }

  ProgramView AsItStands() const {
    return {.executable = spec_.argv.front(), .installations = {}, .links = {}};
  }

 private:
  // The program on the host; nullopt when it can only be one of inside.
  std::optional<fs::path> FindFile() const {
    const std::string& name = spec_.argv.front();
    if (!name.contains('/')) return os::FindProgram(name, spec_.host_path);
    if (!name.starts_with('/') || !IsFile(name)) return std::nullopt;
    return name;
  }

  // As a part of an installation: node_modules/.bin/agent.
  bool IsShown(const fs::path& place) const {
    std::error_code error;
    const fs::path real = fs::canonical(place.parent_path(), error) / place.filename();
    return std::ranges::any_of(view_.installations,
                               [&](const fs::path& shown) { return LiesIn(real, shown); });
  }

  Status Show(const fs::path& program) {
    std::error_code error;
    const fs::path resolved = fs::canonical(program, error);
    if (error) return Fail(SystemErrorOf(error.value(), "execute", program.native()));
    if (program != resolved && !IsSystem(program)) view_.links.push_back({program, resolved});
    if (IsSystem(resolved)) return {};
    const fs::path installation = InstallationOf(resolved);
    VM0_TRY(CheckInstallation(installation, spec_.home));
    if (std::ranges::find(view_.installations, installation) == view_.installations.end()) {
      view_.installations.push_back(installation);
    }
    return {};
  }

  Status ShowWithInterpreter(const fs::path& program) {
    VM0_TRY(Show(program));
    const auto interpreter = ReadInterpreter(program);
    if (!interpreter) return {};
    const auto name = interpreter->SearchedProgram();
    if (!name) return Show(interpreter->path);
    // Not found here: env says so, with the name.
    const auto found = os::FindProgram(*name, spec_.host_path);
    return found ? Show(*found) : Status();
  }

  const BoxSpec& spec_;
  ProgramView view_;
};

}  // namespace

Result<ProgramView> ViewProgram(const BoxSpec& spec) {
  ProgramFinder finder(spec);
  return spec.show_installation ? finder.Find() : finder.AsItStands();
}

}  // namespace vm0::sandbox
