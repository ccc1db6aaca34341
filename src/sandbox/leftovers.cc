// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "os/file.h"
#include "sandbox/control_group.h"
#include "sandbox/process_tree.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);

bool RunsAs(const ProcessInfo& process, uid_t uid) {
  return process.real_uid == uid || process.effective_uid == uid;
}

bool HasVariable(pid_t pid, const std::string& variable) {
  const auto environment = os::ReadFile("/proc/" + std::to_string(pid) + "/environ");
  if (!environment) return false;
  for (const std::string_view line : Split(*environment, '\0')) {
    if (line == variable) return true;
  }
  return false;
}

// All processes of that user at once, so that none can fork ahead of us. System calls only: we may
// be one thread of many.
void KillUser(uid_t uid) {
  const pid_t killer = ::fork();
  if (killer == 0) {
    ::syscall(SYS_setgroups, 0, nullptr);
    if (::syscall(SYS_setresuid, uid, uid, uid) == 0) ::syscall(SYS_kill, -1, SIGKILL);
    ::_exit(0);
  }
  if (killer > 0) ::waitpid(killer, nullptr, 0);
}

// Kills what it is given and waits until they are gone or `deadline` has come.
void KillAndWait(const std::vector<pid_t>& processes,
                 std::chrono::steady_clock::time_point deadline) {
  for (const pid_t process : processes) {
    auto fd = os::OpenPidFd(process);
    if (!fd) continue;
    (void)os::SignalPidFd(fd->get(), SIGKILL);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ended{fd->get(), POLLIN, 0};
    ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  }
}

std::vector<pid_t> PidsOf(const std::vector<ProcessInfo>& processes) {
  std::vector<pid_t> pids;
  for (const ProcessInfo& process : processes) pids.push_back(process.pid);
  return pids;
}

}  // namespace

Result<int> KillOrphans() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  int killed = 0;
  // Those whose parent is killed come to us: until there is none.
  for (;;) {
    const auto left = Descendants();
    if (left.empty()) return killed;
    if (std::chrono::steady_clock::now() >= deadline) {
      return Fail(Code::kIo, "process " + std::to_string(left.front()) + " can't be killed");
    }
    KillAndWait(left, deadline);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) ++killed;
  }
}

bool HasProcesses(uid_t uid) {
  return !FindProcesses([uid](const auto& process) { return RunsAs(process, uid); }).empty();
}

Result<int> KillLeftovers(const std::string& run_id, std::optional<uid_t> run_uid) {
  if (run_uid && (*run_uid == ::getuid() || ::geteuid() != 0)) {
    return Fail(Code::kInternal, "uid " + std::to_string(*run_uid) + " is no run's user");
  }
  const std::string variable = "VM0_RUN_ID=" + run_id;
  const auto is_left = [&](const ProcessInfo& process) {
    if (process.pid == ::getpid()) return false;
    if (run_uid) return RunsAs(process, *run_uid);
    return process.real_uid == ::getuid() && HasVariable(process.pid, variable);
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  int killed = 0;
  for (;;) {
    const auto left = FindProcesses(is_left);
    if (left.empty()) {
      RemoveGroup(GroupName(run_id));
      return killed;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return Fail(Code::kIo, "process " + std::to_string(left.front().pid) + " of run " + run_id +
                                 " can't be killed");
    }
    killed += static_cast<int>(left.size());
    if (run_uid) KillUser(*run_uid);
    KillAndWait(PidsOf(left), deadline);
  }
}

}  // namespace vm0::sandbox
