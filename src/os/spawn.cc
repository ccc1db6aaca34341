// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "os/process.h"

namespace vm0::os {
namespace {

constexpr std::string_view kFdPrefix = "/proc/self/fd/";

enum class Stage { kNone, kDescriptors, kSession, kDirectory, kExec };

struct Move {
  int source;
  int target;
  int parked = -1;  // a copy of source that no target can overwrite
};

// All that the child needs, made before it exists: between vfork and exec nothing may allocate.
// The child shares our memory, so it reports by writing here.
struct Plan {
  explicit Plan(const SpawnOptions& o) : options(o) {}

  const SpawnOptions& options;
  std::vector<char*> argv;
  std::vector<std::string> environment_lines;
  std::vector<char*> envp;
  std::vector<Move> moves;  // by target
  int executable_fd = -1;   // for /proc/self/fd/N; else -1
  volatile Stage failed_stage = Stage::kNone;
  volatile int failed_errno = 0;
};

void FillStrings(Plan& plan) {
  for (const auto& argument : plan.options.argv) {
    plan.argv.push_back(const_cast<char*>(argument.c_str()));
  }
  plan.argv.push_back(nullptr);
  for (const auto& [name, value] : plan.options.environment) {
    plan.environment_lines.push_back(name + "=" + value);
  }
  for (auto& line : plan.environment_lines) plan.envp.push_back(line.data());
  plan.envp.push_back(nullptr);
}

void FillMoves(Plan& plan, int dev_null) {
  auto descriptors = plan.options.descriptors;
  for (int fd : {0, 1, 2}) descriptors.emplace(fd, dev_null);
  for (const auto& [target, source] : descriptors) plan.moves.push_back({source, target});
}

// What follows runs in the child, in our memory: system calls only.
#define VM0_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

[[noreturn]] VM0_IN_CHILD void Give(Plan& plan, Stage stage) {
  plan.failed_errno = errno;
  plan.failed_stage = stage;
  ::_exit(127);
}

VM0_IN_CHILD void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Marks and does not close, since the executable may be one of them.
VM0_IN_CHILD void MarkCloseOnExec(int first, int last) {
  if (first > last) return;
  const auto flags = CLOSE_RANGE_CLOEXEC;
  if (::syscall(SYS_close_range, first, last, flags) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = limit.rlim_cur < (1 << 20) ? static_cast<int>(limit.rlim_cur) : 1 << 20;
  for (int fd = first; fd <= last && fd < end; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

VM0_IN_CHILD void PlaceDescriptors(Plan& plan) {
  const int above = plan.moves.back().target + 1;
  Move* const begin = plan.moves.data();
  Move* const end = begin + plan.moves.size();
  for (Move* move = begin; move != end; ++move) {
    move->parked = ::fcntl(move->source, F_DUPFD_CLOEXEC, above);
    if (move->parked < 0) Give(plan, Stage::kDescriptors);
  }
  if (plan.executable_fd >= 0) {
    plan.executable_fd = ::fcntl(plan.executable_fd, F_DUPFD_CLOEXEC, above);
    if (plan.executable_fd < 0) Give(plan, Stage::kExec);
  }
  int next = 3;
  for (Move* move = begin; move != end; ++move) {
    if (::dup2(move->parked, move->target) < 0) Give(plan, Stage::kDescriptors);
    MarkCloseOnExec(next, move->target - 1);
    if (move->target >= next) next = move->target + 1;
  }
  MarkCloseOnExec(next, ~0u >> 1);
}

[[noreturn]] VM0_IN_CHILD void RunChild(Plan& plan) {
  const SpawnOptions& options = plan.options;
  if (options.new_session && ::setsid() < 0) Give(plan, Stage::kSession);
  if (::chdir(options.directory.c_str()) != 0) Give(plan, Stage::kDirectory);
  PlaceDescriptors(plan);
  ResetSignals();
  if (plan.executable_fd >= 0) {
    ::syscall(SYS_execveat, plan.executable_fd, "", plan.argv.data(), plan.envp.data(),
              AT_EMPTY_PATH);
  } else {
    ::execve(options.executable.c_str(), plan.argv.data(), plan.envp.data());
  }
  Give(plan, Stage::kExec);
}

// vfork: a big server is not copied, and the child can say why it failed. All signals wait
// meanwhile, for a handler of ours in the child would change our memory.
__attribute__((noinline)) pid_t Start(Plan& plan) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();
  if (pid == 0) RunChild(plan);
  const int reason = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = reason;
  return pid;
}

Error FailureOf(const Plan& plan) {
  const auto& options = plan.options;
  switch (plan.failed_stage) {
    case Stage::kDirectory:
      return SystemErrorOf(plan.failed_errno, "change directory to", options.directory);
    case Stage::kDescriptors:
      return SystemErrorOf(plan.failed_errno, "pass descriptors to", options.executable);
    case Stage::kSession:
      return SystemErrorOf(plan.failed_errno, "start session of", options.executable);
    default:
      return SystemErrorOf(plan.failed_errno, "execute", options.executable);
  }
}

Status CheckOptions(const SpawnOptions& options) {
  const auto has_nul = [](const std::string& text) { return text.contains('\0'); };
  if (std::ranges::any_of(options.argv, has_nul)) {
    return Fail(Code::kBadRequest, options.executable + ": an argument contains a NUL byte");
  }
  for (const auto& [name, value] : options.environment) {
    if (name.empty() || name.contains('=') || has_nul(name) || has_nul(value)) {
      return Fail(Code::kBadRequest, "environment variable \"" + name.substr(0, name.find('\0')) +
                                         "\": empty, or contains a NUL byte or '=' in its name");
    }
  }
  return {};
}

}  // namespace

Result<Child> Spawn(const SpawnOptions& options) {
  VM0_TRY(CheckOptions(options));
  Plan plan(options);
  FillStrings(plan);
  Fd dev_null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!dev_null.is_open()) return Fail(SystemError("open", "/dev/null"));
  FillMoves(plan, dev_null.get());
  if (options.executable.starts_with(kFdPrefix)) {
    const auto fd = ParseInt(std::string_view(options.executable).substr(kFdPrefix.size()));
    if (fd) plan.executable_fd = static_cast<int>(*fd);
  }
  const pid_t pid = Start(plan);
  if (pid < 0) return Fail(SystemError("start", options.executable));
  if (plan.failed_stage != Stage::kNone) {
    (void)Wait(pid);
    return Fail(FailureOf(plan));
  }
  auto pidfd = OpenPidFd(pid);
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    (void)Wait(pid);
    return Fail(pidfd.error());
  }
  return Child{pid, std::move(*pidfd)};
}

}  // namespace vm0::os
