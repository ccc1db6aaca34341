// SPDX-License-Identifier: Apache-2.0
#include "sandbox/inside.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "os/fd.h"
#include "sandbox/installation.h"
#include "sandbox/mounts.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

// The folder that the shelf hides inside of the box: there by the file hierarchy standard, and
// seldom in use.
constexpr std::array<const char*, 3> kShelves = {"/mnt", "/media", "/srv"};

Error Unavailable(const std::string& what, const Error& reason) {
  return {Code::kSandboxUnavailable, what + ": " + reason.message};
}

// Things of the host that get a place on the shelf.
class Shelf {
 public:
  explicit Shelf(uid_t run_uid) : run_uid_(run_uid) {}

  Status Choose() {
    for (const char* candidate : kShelves) {
      struct stat found {};
      if (::lstat(candidate, &found) != 0 || !S_ISDIR(found.st_mode)) continue;
      where_ = candidate;
      return {};
    }
    return Fail(Code::kSandboxUnavailable, "sandbox none: there is no folder /mnt, /media or /srv");
  }

  // Opened now, mounted by Mount: the shelf may hide it.
  Status Add(const fs::path& source, const std::string& name, Status (*change)(const os::Fd&)) {
    VM0_ASSIGN(os::Fd tree, CloneTree(source));
    if (change != nullptr) VM0_TRY(change(tree));
    items_.push_back({std::move(tree), where_ / name, fs::is_directory(source)});
    return {};
  }
  void Add(os::Fd tree, const std::string& name) {
    items_.push_back({std::move(tree), where_ / name, true});
  }
  // A name in bin/ for a program that is found on PATH.
  void AddProgram(const std::string& name, const fs::path& inside) {
    programs_.emplace_back(name, inside);
  }
  bool has_programs() const { return !programs_.empty(); }
  fs::path PathOf(const std::string& name) const { return where_ / name; }

  // Whether the run's user may execute (and read) that file once the shelf is mounted.
  bool Reaches(const fs::path& path, int mode) const {
    std::error_code error;
    const fs::path resolved = fs::canonical(path, error);
    // What nobody can execute stays where it is: execve will say so, by the name that people know.
    if (error || ::access(resolved.c_str(), mode) != 0) return true;
    if (IsHidden(path) || IsHidden(resolved)) return false;
    ::setfsgid(run_uid_);
    ::setfsuid(run_uid_);
    const bool reaches = ::faccessat(AT_FDCWD, resolved.c_str(), mode, AT_EACCESS) == 0 &&
                         ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0;
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    return reaches;
  }

  Status Mount() {
    ::umask(022);  // ours shuts out the run's user, for whom this is
    VM0_TRY(MountShelf(where_));
    for (const Item& item : items_) {
      VM0_TRY(MakePlace(item));
      VM0_TRY(Attach(item.tree, item.place));
    }
    return MakeLinks();
  }

 private:
  struct Item {
    os::Fd tree;
    fs::path place;
    bool is_directory;
  };

  bool IsHidden(const fs::path& path) const {
    return path.native().starts_with(where_.native() + "/");
  }

  static Status MakePlace(const Item& item) {
    std::error_code error;
    fs::create_directories(item.place.parent_path(), error);
    if (item.is_directory) {
      fs::create_directory(item.place, error);
    } else {
      os::Fd file(::open(item.place.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
      if (!file.is_open()) return Fail(SystemError("create", item.place.native()));
    }
    if (error) return Fail(SystemErrorOf(error.value(), "mkdir", item.place.native()));
    return {};
  }

  Status MakeLinks() const {
    if (programs_.empty()) return {};
    std::error_code error;
    fs::create_directory(where_ / "bin", error);
    for (const auto& [name, inside] : programs_) {
      fs::create_symlink(inside, where_ / "bin" / name, error);
      if (error) return Fail(SystemErrorOf(error.value(), "symlink", name));
    }
    return {};
  }

  uid_t run_uid_;
  fs::path where_;
  std::vector<Item> items_;
  std::vector<std::pair<std::string, fs::path>> programs_;
};

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

Result<os::Fd> OpenUsersFolder(const BoxSpec& spec) {
  struct stat folder {};
  if (::stat(spec.workspace.c_str(), &folder) != 0) {
    return Fail(SystemError("open", spec.workspace.native()));
  }
  VM0_ASSIGN(os::Fd tree, CloneTree(spec.workspace));
  const uid_t uid = *spec.run_uid;
  const auto mapped = MapOwner(tree, {folder.st_uid, folder.st_gid}, {uid, uid});
  if (!mapped) {
    return Fail(Code::kIo, spec.workspace.native() + ": " + mapped.error().message +
                               "; this file system can't show files under another user: use :copy");
  }
  if (spec.workspace_kind == WorkspaceKind::kUsersReadOnly) VM0_TRY(MakeReadOnly(tree));
  return tree;
}

Result<AgentLaunch> FillShelf(Shelf& shelf, const BoxSpec& spec) {
  VM0_TRY(shelf.Choose());
  VM0_TRY(shelf.Add(spec.home, "home", nullptr));
  VM0_TRY(shelf.Add(spec.tmp, "tmp", nullptr));
  if (spec.workspace_kind == WorkspaceKind::kOwn) {
    VM0_TRY(shelf.Add(spec.workspace, "workspace", nullptr));
  } else {
    VM0_ASSIGN(os::Fd tree, OpenUsersFolder(spec));
    shelf.Add(std::move(tree), "workspace");
  }
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
