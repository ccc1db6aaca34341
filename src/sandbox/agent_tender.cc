// SPDX-License-Identifier: Apache-2.0
#include "sandbox/agent_tender.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "os/fd.h"
#include "sandbox/launch_plan.h"

namespace vm0::sandbox {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGCHLD, kKillSignal};

sigset_t SignalSet() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kSignals) ::sigaddset(&set, signal);
  return set;
}

// Reaps all that has ended; how the agent ended, if it was among them.
std::optional<os::ExitStatus> Reap(pid_t agent) {
  std::optional<os::ExitStatus> end;
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (ended != agent) continue;
    if (WIFSIGNALED(status)) {
      end = os::ExitStatus{.code = 0, .signal = WTERMSIG(status)};
    } else {
      end = os::ExitStatus{.code = WEXITSTATUS(status), .signal = 0};
    }
  }
  return end;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = SignalSet();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

int NextSignal() {
  const sigset_t set = SignalSet();
  for (;;) {
    if (const int signal = ::sigwaitinfo(&set, nullptr); signal > 0) return signal;
  }
}

Result<os::ExitStatus> TendAgent(const AgentLaunch& launch, const std::function<int()>& next) {
  VM0_ASSIGN(const pid_t agent, StartAgent(launch));
  // Only the agent's side holds the pipes now: their end is the end of its output.
  os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.is_open()) {
    ::dup2(null.get(), STDOUT_FILENO);
    ::dup2(null.get(), STDERR_FILENO);
  }
  for (;;) {
    const int signal = next();
    if (signal == kKillSignal) return os::ExitStatus{.code = 0, .signal = SIGKILL};
    if (signal != SIGCHLD) {
      ::kill(-agent, signal);
    } else if (const auto end = Reap(agent)) {
      return *end;
    }
  }
}

}  // namespace vm0::sandbox
