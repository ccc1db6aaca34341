// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "os/fd.h"
#include "os/file.h"
#include "os/signal_name.h"
#include "sandbox/agent_tender.h"
#include "sandbox/boxed_process.h"
#include "sandbox/bubblewrap_launch.h"
#include "sandbox/first_process.h"
#include "sandbox/launch_plan.h"
#include "sandbox/process_tree.h"

namespace vm0::sandbox {
namespace {

[[noreturn]] void Report(const Result<os::ExitStatus>& end) {
  (void)os::WriteAll(kReportFd, FormatReport(end));
  // Not exit(): nothing of ours is to be cleaned up, and the checkers of test builds can't work in
  // here.
  ::_exit(end ? 0 : 1);
}

[[noreturn]] void Report(Error error) { Report(Result<os::ExitStatus>(Fail(std::move(error)))); }

// `signal` comes when the parent dies; if it is dead already, we end here.
void EndWithParent(pid_t parent, int signal) {
  ::prctl(PR_SET_PDEATHSIG, signal);
  if (::getppid() != parent) ::_exit(1);
}

std::string ReadPlan() {
  auto text = os::ReadAll(kPlanFd);
  if (!text) Report(text.error());
  return std::move(*text);
}

void CheckUser(const BoxSpec& spec) {
  const bool is_root = ::geteuid() == 0;
  if (is_root && spec.run_uid.value_or(0) != 0) return;
  if (!is_root && !spec.run_uid) return;
  Report(Error{Code::kSandboxUnavailable, "an agent is never run as uid 0"});
}

void DropPipes() {
  os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.is_open()) return;
  ::dup2(null.get(), STDOUT_FILENO);
  ::dup2(null.get(), STDERR_FILENO);
}

// Waits for the first process, which reports by itself if it can.
[[noreturn]] void Attend(const FirstProcess& first) {
  DropPipes();
  bool killed = false;
  for (;;) {
    const int signal = NextSignal();
    if (signal == kKillSignal) {
      killed = true;
      ::kill(first.pid, SIGKILL);
    } else if (signal != SIGCHLD) {
      ::kill(first.pid, signal);
    }
    int status = 0;
    // Returns only when the whole namespace is dead.
    if (::waitpid(first.pid, &status, WNOHANG) != first.pid) continue;
    if (killed) Report(os::ExitStatus{.code = 0, .signal = SIGKILL});
    if (!WIFSIGNALED(status)) ::_exit(0);
    Report(Error{Code::kIo, "the sandbox was killed by " + os::DescribeSignal(WTERMSIG(status))});
  }
}

// Without namespaces: all that the agent leaves behind becomes ours and is killed.
[[noreturn]] void RunAsSubreaper(const LaunchPlan& plan, const Error& reason) {
  if (plan.box.workspace_kind == WorkspaceKind::kUsersReadOnly) {
    Report(
        Error{Code::kSandboxUnavailable,
              "sandbox none: a read-only workspace needs namespaces, which this machine refuses (" +
                  reason.message + "): use :copy"});
  }
  if (plan.box.run_uid && plan.box.workspace_kind != WorkspaceKind::kOwn) {
    Report(Error{Code::kSandboxUnavailable,
                 "sandbox none: a workspace :rw needs namespaces, which this machine refuses (" +
                     reason.message + "): use :copy, or run vm0 as an ordinary user"});
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // The parent's death must not take us away before the tree.
  EndWithParent(plan.parent, kKillSignal);
  const auto end = TendAgent(MakeLaunch(plan.box, HostFolders(plan.box)), NextSignal);
  KillDescendants();
  Report(end);
}

[[noreturn]] void RunUnboxed(const LaunchPlan& plan) {
  ::close(kPlanFd);
  BlockSignals();
  EndWithParent(plan.parent, SIGKILL);
  const auto first = StartFirstProcess(plan.box);
  EndWithParent(plan.parent, SIGKILL);  // again: a change of user would have cleared it
  if (first) Attend(*first);
  if (first.error().refusal == Refusal::kBox) Report(first.error().error);
  RunAsSubreaper(plan, first.error().error);
}

}  // namespace

int LauncherMain() {
  ::fcntl(kReportFd, F_SETFD, FD_CLOEXEC);
  const std::string text = ReadPlan();
  const auto inside = ParseInsidePlan(text);
  if (!inside) Report(inside.error());
  if (*inside) RunBoxedProcess(**inside);
  const auto plan = ParsePlan(text);
  if (!plan) Report(plan.error());
  CheckUser(plan->box);
  if (plan->bubblewrap.empty()) RunUnboxed(*plan);
  Report(BecomeBubblewrap(*plan));
}

}  // namespace vm0::sandbox
