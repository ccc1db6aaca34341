// SPDX-License-Identifier: Apache-2.0
#include "sandbox/bubblewrap_launch.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "os/process.h"
#include "sandbox/box_view.h"
#include "sandbox/bubblewrap_options.h"
#include "sandbox/control_group.h"
#include "sandbox/mounts.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/shelf.h"

namespace vm0::sandbox {
namespace {

Status PutOnShelf(const BoxSpec& spec, BubblewrapSources& sources) {
  if (::unshare(CLONE_NEWNS) != 0) return Fail(SystemError("make a mount namespace"));
  VM0_TRY(MakeMountsPrivate());
  Shelf shelf(*spec.run_uid);
  VM0_TRY(shelf.Choose());
  VM0_TRY(shelf.AddFolders(spec));
  for (std::size_t i = 0; i < sources.installations.size(); ++i) {
    auto& path = sources.installations[i].path;
    const std::string name = "installation" + std::to_string(i);
    VM0_TRY(shelf.Add(path, name, MakeReadOnly));
    path = shelf.PathOf(name);
  }
  sources.home = shelf.PathOf("home");
  sources.workspace = shelf.PathOf("workspace");
  sources.tmp = shelf.PathOf("tmp");
  return shelf.Mount();
}

Result<BubblewrapSources> FindSources(const BoxSpec& spec, const ProgramView& program) {
  BubblewrapSources sources{spec.home, spec.workspace, spec.tmp, {}};
  for (const auto& path : program.installations) sources.installations.push_back({path, path});
  if (spec.run_uid) VM0_TRY(PutOnShelf(spec, sources));
  return sources;
}

// Another process of the run's user must be able to execute us.
Status CheckSelf(const os::Fd& self) {
  struct stat file {};
  if (::fstat(self.get(), &file) != 0) return Fail(SystemError("look at", "vm0's executable"));
  if ((file.st_mode & S_IXOTH) != 0) return {};
  return Fail(Code::kSandboxUnavailable,
              "other users may not execute vm0: chmod o+rx its executable");
}

Status BecomeRunUser(uid_t uid) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    return Fail(SystemError("become uid", std::to_string(uid)));
  }
  return {};
}

void Inherit(const os::Fd& fd) { ::fcntl(fd.get(), F_SETFD, 0); }

Result<os::Fd> Duplicate(int fd) {
  os::Fd copy(::fcntl(fd, F_DUPFD, kProxyFd + 1));  // inherited
  if (!copy.is_open()) return Fail(SystemError("duplicate a descriptor"));
  return copy;
}

Result<os::Fd> MakeFilterFile() {
  VM0_ASSIGN(const std::vector<sock_filter> filter, MakeSystemCallFilter());
  const std::string_view bytes(reinterpret_cast<const char*>(filter.data()),
                               filter.size() * sizeof(sock_filter));
  return os::MakeMemFile("vm0-filter", bytes);
}

std::vector<std::string> WritableFolders(const BoxSpec& spec) {
  std::vector<std::string> folders = {std::string(kHomeInside), std::string(kTmpInside), "/var/tmp",
                                      "/dev/shm"};
  if (spec.workspace_kind != WorkspaceKind::kUsersReadOnly) folders.emplace_back(kWorkspaceInside);
  return folders;
}

// Standard streams for bwrap: nothing, nothing, the report.
Status PlaceStreams() {
  const os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.is_open()) return Fail(SystemError("open", "/dev/null"));
  if (::dup2(null.get(), STDOUT_FILENO) < 0 || ::dup2(kReportFd, STDERR_FILENO) < 0) {
    return Fail(SystemError("place descriptors"));
  }
  ::fcntl(kReportFd, F_SETFD, 0);
  return {};
}

Error Execute(const LaunchPlan& plan, const os::Fd& options, const os::Fd& self) {
  const std::string variable = "VM0_RUN_ID=" + plan.box.name;
  const std::string options_fd = std::to_string(options.get());
  const std::string program = "/proc/self/fd/" + std::to_string(self.get());
  const std::array<const char*, 7> argv = {
      "bwrap", "--args", options_fd.c_str(), "--", program.c_str(), "launch", nullptr};
  const std::array<const char*, 2> environment = {variable.c_str(), nullptr};
  // See bubblewrap_driver.h: bwrap must not die half-way, whoever else does.
  ::prctl(PR_SET_PDEATHSIG, 0);
  ::execve(plan.bubblewrap.c_str(), const_cast<char* const*>(argv.data()),
           const_cast<char* const*>(environment.data()));
  return SystemError("execute", plan.bubblewrap);
}

Status Become(const LaunchPlan& plan) {
  const BoxSpec& spec = plan.box;
  for (const auto& group : plan.groups) VM0_TRY(JoinGroup(group));
  VM0_ASSIGN(const os::Fd self, os::OpenSelf());
  if (spec.run_uid) VM0_TRY(CheckSelf(self));
  VM0_ASSIGN(const ProgramView program, ViewProgram(spec));
  VM0_ASSIGN(const BubblewrapSources sources, FindSources(spec, program));
  VM0_ASSIGN(const auto options, BubblewrapOptions::Make(spec, sources, program.links));
  VM0_ASSIGN(const os::Fd out, Duplicate(STDOUT_FILENO));
  VM0_ASSIGN(const os::Fd err, Duplicate(STDERR_FILENO));
  VM0_ASSIGN(const os::Fd filter, MakeFilterFile());
  InsidePlan inside{
      .launch = MakeLaunch(spec, {std::string(kHomeInside), std::string(kWorkspaceInside), ""}),
      .out = out.get(),
      .err = err.get(),
      .filter = filter.get(),
      .writable = WritableFolders(spec),
      .network = spec.network};
  inside.launch.executable = program.executable;
  // The first process inside is one of the agent's user, too.
  if (inside.launch.limits.pids) ++*inside.launch.limits.pids;
  VM0_ASSIGN(const os::Fd plan_file, os::MakeMemFile("vm0-plan", FormatInsidePlan(inside)));
  VM0_ASSIGN(const os::Fd option_file, os::MakeMemFile("vm0-options", options.text()));
  if (::dup2(plan_file.get(), kPlanFd) < 0) return Fail(SystemError("place descriptors"));
  for (const os::Fd& file : options.files()) Inherit(file);
  Inherit(option_file);
  Inherit(filter);
  Inherit(self);
  if (spec.run_uid) VM0_TRY(BecomeRunUser(*spec.run_uid));
  if (::geteuid() == 0) return Fail(Code::kSandboxUnavailable, "bwrap is never run as uid 0");
  VM0_TRY(PlaceStreams());
  return Fail(Execute(plan, option_file, self));
}

}  // namespace

Error BecomeBubblewrap(const LaunchPlan& plan) {
  Error error = Become(plan).error();
  return {Code::kSandboxUnavailable, "sandbox bubblewrap: " + error.message};
}

}  // namespace vm0::sandbox
