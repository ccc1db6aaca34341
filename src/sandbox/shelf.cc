// SPDX-License-Identifier: Apache-2.0
#include "sandbox/shelf.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "sandbox/mounts.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

// The folder that the shelf hides inside of the box: there by the file hierarchy standard, and
// seldom in use.
constexpr std::array<const char*, 3> kShelves = {"/mnt", "/media", "/srv"};

}  // namespace

Status Shelf::Choose() {
  for (const char* candidate : kShelves) {
    struct stat found {};
    if (::lstat(candidate, &found) != 0 || !S_ISDIR(found.st_mode)) continue;
    where_ = candidate;
    return {};
  }
  return Fail(Code::kSandboxUnavailable, "there is no folder /mnt, /media or /srv");
}

Status Shelf::Add(const fs::path& source, const std::string& name,
                  Status (*change)(const os::Fd&)) {
  VM0_ASSIGN(os::Fd tree, CloneTree(source));
  if (change != nullptr) VM0_TRY(change(tree));
  items_.push_back({std::move(tree), where_ / name, fs::is_directory(source)});
  return {};
}

Result<os::Fd> Shelf::OpenUsersFolder(const BoxSpec& spec) const {
  struct stat folder {};
  if (::stat(spec.workspace.c_str(), &folder) != 0) {
    return Fail(SystemError("open", spec.workspace.native()));
  }
  VM0_ASSIGN(os::Fd tree, CloneTree(spec.workspace));
  const auto mapped = MapOwner(tree, {folder.st_uid, folder.st_gid}, {run_uid_, run_uid_});
  if (!mapped) {
    return Fail(Code::kIo, spec.workspace.native() + ": " + mapped.error().message +
                               "; this file system can't show files under another user: use :copy");
  }
  if (spec.workspace_kind == WorkspaceKind::kUsersReadOnly) VM0_TRY(MakeReadOnly(tree));
  return tree;
}

Status Shelf::AddFolders(const BoxSpec& spec) {
  VM0_TRY(Add(spec.home, "home", nullptr));
  VM0_TRY(Add(spec.tmp, "tmp", nullptr));
  if (spec.workspace_kind == WorkspaceKind::kOwn) return Add(spec.workspace, "workspace", nullptr);
  VM0_ASSIGN(os::Fd tree, OpenUsersFolder(spec));
  items_.push_back({std::move(tree), where_ / "workspace", true});
  return {};
}

bool Shelf::Reaches(const fs::path& path, int mode) const {
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

Status Shelf::Mount() {
  ::umask(022);  // ours shuts out the run's user, for whom this is
  VM0_TRY(MountShelf(where_));
  for (const Item& item : items_) {
    VM0_TRY(MakePlace(item));
    VM0_TRY(Attach(item.tree, item.place));
  }
  return MakeLinks();
}

bool Shelf::IsHidden(const fs::path& path) const {
  return path.native().starts_with(where_.native() + "/");
}

Status Shelf::MakePlace(const Item& item) {
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

Status Shelf::MakeLinks() const {
  if (programs_.empty()) return {};
  std::error_code error;
  fs::create_directory(where_ / "bin", error);
  for (const auto& [name, inside] : programs_) {
    fs::create_symlink(inside, where_ / "bin" / name, error);
    if (error) return Fail(SystemErrorOf(error.value(), "symlink", name));
  }
  return {};
}

}  // namespace vm0::sandbox
