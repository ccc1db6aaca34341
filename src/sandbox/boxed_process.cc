// SPDX-License-Identifier: Apache-2.0
#include "sandbox/boxed_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "sandbox/agent_tender.h"
#include "sandbox/control_socket.h"

namespace vm0::sandbox {
namespace {

constexpr int kBacklog = 128;

Result<os::Fd> Listen() {
  os::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.is_open()) return Fail(SystemError("make the proxy's socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kProxyPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    return Fail(SystemError("listen for the proxy"));
  }
  return listener;
}

Status HandOut(Network network) {
  VM0_ASSIGN(const os::Fd self, os::OpenPidFd(::getpid()));
  VM0_TRY(SendDescriptor(kControlFd, self.get()));
  if (network == Network::kAllowlist) {
    VM0_ASSIGN(const os::Fd listener, Listen());
    VM0_TRY(SendDescriptor(kProxyFd, listener.get()));
  }
  ::close(kProxyFd);
  return {};
}

// The agent is another process of the same user: it must not find our memory or descriptors.
void HideFromAgent() { ::prctl(PR_SET_DUMPABLE, 0); }

// Only SIGCHLD: what the agent sends to us is nothing.
Result<os::Fd> WatchChildren() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  os::Fd fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("signalfd"));
  return fd;
}

bool HasOrder(int patience_ms) {
  pollfd order{kControlFd, POLLIN, 0};
  return ::poll(&order, 1, patience_ms) > 0;
}

// The next order, or SIGCHLD.
int NextOrder(const os::Fd& children) {
  std::array<pollfd, 2> ready = {pollfd{kControlFd, POLLIN, 0}, pollfd{children.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[0].revents != 0) return ReceiveOrder(kControlFd);
    signalfd_siginfo info{};
    if (::read(children.get(), &info, sizeof info) > 0) return SIGCHLD;
  }
}

Status UseAgentsPipes(const InsidePlan& plan) {
  if (::dup2(plan.out, STDOUT_FILENO) < 0 || ::dup2(plan.err, STDERR_FILENO) < 0) {
    return Fail(SystemError("place descriptors"));
  }
  ::close(kPlanFd);  // it holds the agent's environment
  ::close(plan.out);
  ::close(plan.err);
  return {};
}

Result<AgentLaunch> FindInside(AgentLaunch launch) {
  std::string& program = launch.executable;
  if (program.contains('/')) return launch;
  const std::string& path = launch.environment["PATH"];
  auto found = os::FindProgram(program, path);
  if (!found) return Fail(Code::kIo, "execute " + program + ": not found in " + path);
  program = std::move(*found);
  return launch;
}

Result<Confinement> ReadConfinement(const InsidePlan& plan) {
  VM0_ASSIGN(const std::string bytes, os::ReadAll(plan.filter));
  ::close(plan.filter);
  Confinement confinement{std::vector<sock_filter>(bytes.size() / sizeof(sock_filter)),
                          plan.writable};
  std::memcpy(confinement.system_calls.data(), bytes.data(), bytes.size());
  return confinement;
}

Result<os::ExitStatus> Run(const InsidePlan& plan) {
  HideFromAgent();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // bwrap's
  VM0_ASSIGN(const os::Fd children, WatchChildren());
  VM0_TRY(HandOut(plan.network));
  if (HasOrder(0) && ReceiveOrder(kControlFd) == kKillSignal) {
    return os::ExitStatus{.code = 0, .signal = SIGKILL};
  }
  VM0_TRY(UseAgentsPipes(plan));
  VM0_ASSIGN(AgentLaunch launch, FindInside(plan.launch));
  VM0_ASSIGN(launch.confinement, ReadConfinement(plan));
  return TendAgent(launch, [&children] { return NextOrder(children); });
}

}  // namespace

[[noreturn]] void RunBoxedProcess(const InsidePlan& plan) {
  const auto end = Run(plan);
  (void)os::WriteAll(kReportFd, FormatReport(end));
  ::_exit(end ? 0 : 1);
}

}  // namespace vm0::sandbox
