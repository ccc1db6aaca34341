// SPDX-License-Identifier: Apache-2.0
#include "sandbox/bubblewrap_driver.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "base/text.h"
#include "os/signal_name.h"
#include "sandbox/control_group.h"
#include "sandbox/control_socket.h"
#include "sandbox/landlock.h"
#include "sandbox/launch_plan.h"
#include "sandbox/launcher_process.h"
#include "sandbox/namespace_refusal.h"
#include "sandbox/preflight.h"

namespace vm0::sandbox {
namespace {

constexpr int kKillPatienceMs = 5000;
constexpr int kSweeps = 100;
constexpr int kSweepPatienceMs = 50;
constexpr const char* kProgramFolders = "/usr/bin:/bin:/usr/local/bin";

// How a box's processes can be found when bwrap has left them alone.
struct RunIdentity {
  std::string name;
  std::optional<uid_t> uid;
};

// Whether all other ends of the socket have been closed.
bool AwaitHangup(int socket) {
  pollfd end{socket, 0, 0};
  return ::poll(&end, 1, kSweepPatienceMs) > 0 && (end.revents & POLLHUP) != 0;
}

// What bwrap says where it gets no namespaces, or no rights in them.
bool IsNamespaceRefusal(std::string_view words) {
  return words.contains("namespace") || words.contains("uid map") || words.contains("loopback") ||
         words.contains("propagation");
}

class BubblewrapBox final : public Box {
 public:
  BubblewrapBox(RunIdentity run, std::unique_ptr<ControlGroup> group, LauncherProcess bwrap,
                os::Fd control, os::Fd proxy)
      : run_(std::move(run)),
        group_(std::move(group)),
        bwrap_(std::move(bwrap)),
        control_(std::move(control)),
        proxy_(std::move(proxy)) {}

  ~BubblewrapBox() override {
    if (finished_) return;
    Kill();
    if (!AwaitReadable(exit_fd(), kKillPatienceMs)) {
      (void)os::SignalPidFd(bwrap_.child.pidfd.get(), SIGKILL);
      (void)AwaitReadable(exit_fd(), kKillPatienceMs);
    }
    int status = 0;
    const bool reaped = ::waitpid(bwrap_.child.pid, &status, WNOHANG) == bwrap_.child.pid;
    if (!reaped || WIFSIGNALED(status)) EndOrphans();
  }

  os::Fd& stdout_pipe() override { return bwrap_.out; }
  os::Fd& stderr_pipe() override { return bwrap_.err; }
  int exit_fd() const override { return bwrap_.child.pidfd.get(); }
  void Signal(int signal) override { SendOrder(control_.get(), signal); }
  os::Fd& proxy_channel() override { return proxy_; }
  Usage usage() const override { return group_->usage(); }

  void Kill() override {
    killed_ = true;
    if (const os::Fd* first = FirstProcess()) {
      (void)os::SignalPidFd(first->get(), SIGKILL);
    } else {
      SendOrder(control_.get(), kKillSignal);  // found by it when it starts
    }
  }

  Result<os::ExitStatus> Finish() override {
    finished_ = true;
    VM0_ASSIGN(const os::ExitStatus end, os::Wait(bwrap_.child.pid));
    // First: what orphans report about being ended is not how the agent ended.
    const std::string text = ReadReport(bwrap_);
    if (end.signal != 0) EndOrphans();
    const std::size_t report = text.find("{\"");
    if (report != std::string::npos) return ParseReport(std::string_view(text).substr(report));
    if (killed_) return os::ExitStatus{.code = 0, .signal = SIGKILL};
    return Fail(Explain(end, text));
  }

 private:
  // The first process inside, once it has said who it is.
  const os::Fd* FirstProcess() {
    if (!first_) {
      if (auto first = ReceiveDescriptor(control_.get())) first_ = std::move(*first);
    }
    return first_ ? &*first_ : nullptr;
  }

  // After a death of bwrap that it could not pass on. Its child may wait for it for ever, or go on
  // and become our first process at any time: both hold the other end of the control socket.
  void EndOrphans() {
    ::shutdown(control_.get(), SHUT_WR);  // for the first process, the end
    for (int sweep = 0; sweep < kSweeps && !AwaitHangup(control_.get()); ++sweep) {
      (void)KillLeftovers(run_.name, run_.uid);
    }
    if (const os::Fd* first = FirstProcess()) (void)AwaitReadable(first->get(), kKillPatienceMs);
  }

  static Error Explain(const os::ExitStatus& end, const std::string& text) {
    const std::string_view words = TrimAscii(text);
    if (!words.empty()) {
      std::string message = "sandbox bubblewrap: " + std::string(words);
      if (IsNamespaceRefusal(words)) message += "; " + ExplainNamespaceRefusal();
      return {Code::kSandboxUnavailable, std::move(message)};
    }
    if (end.signal == 0 && end.code <= 128) {
      return {Code::kSandboxUnavailable,
              "sandbox bubblewrap: bwrap failed with exit code " + std::to_string(end.code)};
    }
    const int signal = end.signal != 0 ? end.signal : end.code - 128;
    return {Code::kIo, "the sandbox was killed by " + os::DescribeSignal(signal)};
  }

  RunIdentity run_;
  std::unique_ptr<ControlGroup> group_;
  LauncherProcess bwrap_;
  os::Fd control_;
  os::Fd proxy_;
  std::optional<os::Fd> first_;
  bool killed_ = false;
  bool finished_ = false;
};

class Bubblewrap final : public Driver {
 public:
  explicit Bubblewrap(std::string bwrap) : bwrap_(std::move(bwrap)) {}

  std::string_view name() const override { return "bubblewrap"; }
  bool isolates() const override { return true; }
  Enforceable CanEnforce() const override {
    const Enforceable groups = ProbeGroups();
    return {.memory = groups.memory,
            .pids = true,
            .cpu = groups.cpu,
            .open_files = true,
            .file_bytes = true};
  }
  Status Preflight() const override { return TryOut(*this, Network::kAllowlist); }
  std::vector<std::string> MissingLayers() const override {
    if (LandlockAbi() >= 2) return {};
    return {"Landlock, which Linux has since 5.19: only the mounts keep an agent from writing"};
  }

  Result<std::unique_ptr<Box>> Start(const BoxSpec& spec) const override {
    VM0_TRY(CheckRunUser(name(), spec));
    VM0_ASSIGN(const std::string bwrap, FindBubblewrap());
    VM0_ASSIGN(auto group, ControlGroup::Make(FindPlaces(), GroupName(spec.name), spec.limits));
    const LaunchPlan plan{
        .parent = ::getpid(), .bubblewrap = bwrap, .groups = group->folders(), .box = spec};
    VM0_ASSIGN(ControlSockets control, MakeControlSockets());
    VM0_ASSIGN(ControlSockets proxy, MakeControlSockets());
    VM0_ASSIGN(LauncherProcess launcher, SpawnLauncher(plan, {{kControlFd, control.theirs.get()},
                                                              {kProxyFd, proxy.theirs.get()}}));
    if (spec.network != Network::kAllowlist) proxy.ours.Close();
    return std::make_unique<BubblewrapBox>(RunIdentity{spec.name, spec.run_uid}, std::move(group),
                                           std::move(launcher), std::move(control.ours),
                                           std::move(proxy.ours));
  }

 private:
  Result<std::string> FindBubblewrap() const {
    const auto found = bwrap_.empty() ? os::FindProgram("bwrap", kProgramFolders) : bwrap_;
    if (found && ::access(found->c_str(), X_OK) == 0) return *found;
    return Fail(Code::kSandboxUnavailable,
                "sandbox bubblewrap: bwrap is not installed: apt-get install bubblewrap");
  }

  std::string bwrap_;  // empty: looked for
};

}  // namespace

const Driver& BubblewrapDriver() {
  static const Bubblewrap driver("");
  return driver;
}

std::unique_ptr<Driver> MakeBubblewrapDriver(std::string bwrap) {
  return std::make_unique<Bubblewrap>(std::move(bwrap));
}

Result<os::Fd> ReceiveProxyListener(int proxy_channel) {
  auto listener = ReceiveDescriptor(proxy_channel);
  if (listener) return listener;
  return Fail(Code::kSandboxUnavailable, "the sandbox ended before its proxy could start");
}

}  // namespace vm0::sandbox
