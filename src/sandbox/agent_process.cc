// SPDX-License-Identifier: Apache-2.0
#include "sandbox/agent_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "os/fd.h"
#include "sandbox/box_view.h"
#include "sandbox/installation.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp_filter.h"

namespace vm0::sandbox {
namespace {

std::string InsideWorkingDir(const std::string& wanted, const std::string& workspace) {
  if (wanted.empty() || wanted == kWorkspaceInside) return workspace;
  if (wanted.starts_with(std::string(kWorkspaceInside) + "/")) {
    return workspace + wanted.substr(kWorkspaceInside.size());
  }
  return wanted.starts_with('/') ? wanted : workspace + "/" + wanted;
}

enum class Step : int {
  kSession,
  kIdentity,
  kLimits,
  kWriting,
  kDirectory,
  kSystemCalls,
  kExecute
};

struct StepFailure {
  Step step;
  int error_number;
};

// execve's arguments, made before the fork.
struct ExecArguments {
  std::vector<std::string> variables;
  std::vector<char*> argv;
  std::vector<char*> envp;

  explicit ExecArguments(const AgentLaunch& launch) {
    for (const auto& [name, value] : launch.environment) variables.push_back(name + "=" + value);
    for (const auto& text : launch.argv) argv.push_back(const_cast<char*>(text.c_str()));
    for (auto& text : variables) envp.push_back(text.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }
};

bool BecomeUser(uid_t uid) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    return false;
  }
  errno = EPERM;
  return ::getuid() != 0 && ::geteuid() != 0;
}

void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void CloseOnExecFrom(int first) {
  if (::syscall(SYS_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = limit.rlim_cur < (1 << 20) ? static_cast<int>(limit.rlim_cur) : 1 << 20;
  for (int fd = first; fd < end; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

bool SetLimit(__rlimit_resource resource, std::optional<std::int64_t> value) {
  if (!value) return true;
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return false;
  // One that we are held to ourselves can't be raised.
  const rlim_t most = std::min(static_cast<rlim_t>(*value), limit.rlim_max);
  limit = {most, most};
  return ::setrlimit(resource, &limit) == 0;
}

bool SetLimits(const Limits& limits) {
  return SetLimit(RLIMIT_NPROC, limits.pids) && SetLimit(RLIMIT_NOFILE, limits.open_files) &&
         SetLimit(RLIMIT_FSIZE, limits.file_bytes);
}

// When memory is short, the kernel takes the agent's processes before ours. Only a dumpable process
// may write there; nobody else runs in a box yet.
void OfferToOomKiller() {
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  ::prctl(PR_SET_DUMPABLE, 1);
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  (void)::write(file, "500", 3);
  ::close(file);
  ::prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1 : 0);
}

[[noreturn]] void Give(int report, Step step) {
  const StepFailure failure{step, errno};
  (void)::write(report, &failure, sizeof failure);
  ::_exit(127);
}

[[noreturn]] void RunAgent(const AgentLaunch& launch, const ExecArguments& arguments, int report) {
  if (::setsid() < 0) Give(report, Step::kSession);
  if (launch.run_uid && !BecomeUser(*launch.run_uid)) Give(report, Step::kIdentity);
  // After the change of user, which clears it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::umask(022);
  OfferToOomKiller();
  if (!SetLimits(launch.limits)) Give(report, Step::kLimits);
  const Confinement* confinement = launch.confinement ? &*launch.confinement : nullptr;
  if (confinement && !RestrictWriting(confinement->writable)) Give(report, Step::kWriting);
  if (::chdir(launch.working_dir.c_str()) != 0) Give(report, Step::kDirectory);
  CloseOnExecFrom(3);
  ResetSignals();
  if (confinement && !ApplySystemCallFilter(confinement->system_calls)) {
    Give(report, Step::kSystemCalls);
  }
  ::execve(launch.executable.c_str(), arguments.argv.data(), arguments.envp.data());
  Give(report, Step::kExecute);
}

std::string HintOf(const AgentLaunch& launch, int error_number) {
  if (error_number == ENOEXEC) return " (neither a program for this machine nor a script with #!)";
  if (error_number != ENOENT) return "";
  std::filesystem::path file = launch.executable;
  if (file.is_relative()) file = launch.working_dir / file;
  const auto interpreter = ReadInterpreter(file);
  const std::string what = interpreter ? "its interpreter is " + interpreter->path : "";
  if (!launch.confinement) return what.empty() ? "" : " (" + what + ")";
  return " (" + what + (what.empty() ? "" : ", and ") +
         "the sandbox shows /usr, the workspace, the home and the program that the agent's config "
         "names)";
}

Error ErrorOfFailure(const AgentLaunch& launch, const StepFailure& failure) {
  switch (failure.step) {
    case Step::kSession:
      return SystemErrorOf(failure.error_number, "make a session for", launch.executable);
    case Step::kIdentity:
      return SystemErrorOf(failure.error_number, "become uid",
                           std::to_string(launch.run_uid.value_or(0)));
    case Step::kLimits:
      return SystemErrorOf(failure.error_number, "set the limits of", launch.executable);
    case Step::kWriting:
      return SystemErrorOf(failure.error_number, "set Landlock for", launch.executable);
    case Step::kSystemCalls:
      return SystemErrorOf(failure.error_number, "set the system call filter for",
                           launch.executable);
    case Step::kDirectory:
      return SystemErrorOf(failure.error_number, "change directory to", launch.working_dir);
    case Step::kExecute:
      break;
  }
  Error error = SystemErrorOf(failure.error_number, "execute", launch.executable);
  error.message += HintOf(launch, failure.error_number);
  return error;
}

}  // namespace

Folders HostFolders(const BoxSpec& spec) {
  return {spec.home.native(), spec.workspace.native(), spec.tmp.native()};
}

AgentLaunch MakeLaunch(const BoxSpec& spec, const Folders& folders) {
  AgentLaunch launch{.executable = spec.argv.front(),
                     .argv = spec.argv,
                     .environment = spec.environment,
                     .working_dir = InsideWorkingDir(spec.working_dir, folders.workspace),
                     .run_uid = spec.run_uid,
                     .limits = spec.limits,
                     .confinement = std::nullopt};
  launch.environment.emplace("HOME", folders.home);
  if (!folders.tmp.empty()) launch.environment.emplace("TMPDIR", folders.tmp);
  return launch;
}

Result<pid_t> StartAgent(const AgentLaunch& launch) {
  const ExecArguments arguments(launch);
  VM0_ASSIGN(os::Pipe report, os::MakePipe());
  const pid_t pid = ::fork();
  if (pid < 0) return Fail(SystemError("fork for", launch.executable));
  if (pid == 0) RunAgent(launch, arguments, report.write.get());
  report.write.Close();
  StepFailure failure{};
  ssize_t size = 0;
  do {
    size = ::read(report.read.get(), &failure, sizeof failure);
  } while (size < 0 && errno == EINTR);
  if (size == 0) return pid;  // closed by execve, or by a death that the caller will see
  ::waitpid(pid, nullptr, 0);
  return Fail(ErrorOfFailure(launch, failure));
}

}  // namespace vm0::sandbox
