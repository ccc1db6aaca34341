// SPDX-License-Identifier: Apache-2.0
#include "sandbox/none_driver.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "os/signal_name.h"
#include "sandbox/launch_plan.h"
#include "sandbox/launcher_process.h"
#include "sandbox/preflight.h"

namespace vm0::sandbox {
namespace {

constexpr int kKillPatienceMs = 5000;

class NoneBox final : public Box {
 public:
  explicit NoneBox(LauncherProcess launcher) : launcher_(std::move(launcher)) {}

  ~NoneBox() override {
    if (finished_) return;
    Kill();
    // A launcher that does not react is killed; the tree of a pid namespace follows it.
    if (!AwaitReadable(exit_fd(), kKillPatienceMs)) {
      Send(SIGKILL);
      (void)AwaitReadable(exit_fd(), kKillPatienceMs);
    }
    ::waitpid(launcher_.child.pid, nullptr, WNOHANG);
  }

  os::Fd& stdout_pipe() override { return launcher_.out; }
  os::Fd& stderr_pipe() override { return launcher_.err; }
  int exit_fd() const override { return launcher_.child.pidfd.get(); }
  void Signal(int signal) override { Send(signal); }
  os::Fd& proxy_channel() override { return no_channel_; }
  Usage usage() const override { return {}; }
  void Kill() override { Send(kKillSignal); }

  Result<os::ExitStatus> Finish() override {
    finished_ = true;
    VM0_ASSIGN(const os::ExitStatus end, os::Wait(launcher_.child.pid));
    const std::string text = ReadReport(launcher_);
    if (text.empty() && end.signal != 0) {
      return Fail(Code::kIo, "the launcher was killed by " + os::DescribeSignal(end.signal));
    }
    return ParseReport(text);
  }

 private:
  void Send(int signal) { (void)os::SignalPidFd(launcher_.child.pidfd.get(), signal); }

  LauncherProcess launcher_;
  os::Fd no_channel_;
  bool finished_ = false;
};

Status FindOnPath(BoxSpec& spec) {
  std::string& program = spec.argv.front();
  if (program.contains('/')) return {};
  const auto path = spec.environment.find("PATH");
  const std::string search = path == spec.environment.end() ? "" : path->second;
  auto found = os::FindProgram(program, search);
  if (!found) return Fail(Code::kIo, "execute " + program + ": not found in " + search);
  program = std::move(*found);
  return {};
}

class None final : public Driver {
 public:
  std::string_view name() const override { return "none"; }
  bool isolates() const override { return false; }
  Enforceable CanEnforce() const override { return {}; }
  std::vector<std::string> MissingLayers() const override { return {}; }
  Status Preflight() const override { return TryOut(*this, Network::kFull); }

  Result<std::unique_ptr<Box>> Start(const BoxSpec& spec) const override {
    VM0_TRY(CheckRunUser(name(), spec));
    LaunchPlan plan{.parent = ::getpid(), .bubblewrap = "", .box = spec};
    VM0_TRY(FindOnPath(plan.box));
    VM0_ASSIGN(LauncherProcess launcher, SpawnLauncher(plan));
    return std::make_unique<NoneBox>(std::move(launcher));
  }
};

}  // namespace

const Driver& NoneDriver() {
  static const None driver;
  return driver;
}

}  // namespace vm0::sandbox
