// SPDX-License-Identifier: Apache-2.0
#include "sandbox/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace vm0::sandbox {
namespace {

Status SetAttributes(const os::Fd& tree, mount_attr attributes, std::string_view what) {
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof attributes) == 0) {
    return {};
  }
  return Fail(SystemError(what));
}

Status WriteMap(pid_t process, const char* file, id_t inside, id_t outside) {
  const std::string path = "/proc/" + std::to_string(process) + "/" + file;
  os::Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("open", path));
  const std::string line = std::to_string(inside) + " " + std::to_string(outside) + " 1\n";
  // One write: the kernel takes a map only whole.
  if (::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) return {};
  return Fail(SystemError("write", path));
}

// A child that does nothing but have a user namespace.
struct NamespaceHolder {
  pid_t pid = -1;
  ~NamespaceHolder() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
};

Status StartHolder(NamespaceHolder& holder) {
  VM0_ASSIGN(os::Pipe ready, os::MakePipe());
  holder.pid = ::fork();
  if (holder.pid < 0) return Fail(SystemError("fork"));
  if (holder.pid == 0) {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(1);
    (void)::write(ready.write.get(), "r", 1);
    for (;;) ::pause();
  }
  ready.write.Close();
  char byte = 0;
  if (::read(ready.read.get(), &byte, 1) == 1) return {};
  return Fail(Code::kIo, "user namespaces are refused here");
}

// What is owned by `owner` on disk is shown as `shown`: Documentation/filesystems/idmappings.rst.
Result<os::Fd> MakeMapping(Identity owner, Identity shown) {
  NamespaceHolder holder;
  VM0_TRY(StartHolder(holder));
  VM0_TRY(WriteMap(holder.pid, "uid_map", owner.uid, shown.uid));
  VM0_TRY(WriteMap(holder.pid, "gid_map", owner.gid, shown.gid));
  const std::string path = "/proc/" + std::to_string(holder.pid) + "/ns/user";
  os::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("open", path));
  return fd;
}

}  // namespace

Status MakeMountsPrivate() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return {};
  return Fail(SystemError("make mounts private"));
}

Status MountProc() {
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0) return {};
  return Fail(SystemError("mount", "/proc"));
}

Status MountShelf(const std::filesystem::path& where) {
  if (::mount("vm0", where.c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
              "mode=0755,size=64k,nr_inodes=64") == 0) {
    return {};
  }
  return Fail(SystemError("mount tmpfs on", where.native()));
}

Result<os::Fd> CloneTree(const std::filesystem::path& path) {
  os::Fd fd(::open_tree(AT_FDCWD, path.c_str(),
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | static_cast<unsigned>(AT_RECURSIVE)));
  if (!fd.is_open()) return Fail(SystemError("bind", path.native()));
  return fd;
}

Status MakeReadOnly(const os::Fd& tree) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return SetAttributes(tree, attributes, "make read-only");
}

Status MapOwner(const os::Fd& tree, Identity owner, Identity shown) {
  VM0_ASSIGN(const os::Fd mapping, MakeMapping(owner, shown));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(mapping.get());
  return SetAttributes(tree, attributes, "map the owner");
}

Status Attach(const os::Fd& tree, const std::filesystem::path& where) {
  if (::move_mount(tree.get(), "", AT_FDCWD, where.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) {
    return {};
  }
  return Fail(SystemError("mount on", where.native()));
}

}  // namespace vm0::sandbox
