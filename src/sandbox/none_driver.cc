// SPDX-License-Identifier: Apache-2.0
#include "sandbox/none_driver.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "os/signal_name.h"
#include "sandbox/launch_plan.h"

namespace vm0::sandbox {
namespace {

constexpr int kKillPatienceMs = 5000;
constexpr int kPreflightPatienceMs = 10'000;
constexpr uid_t kPreflightUid = 65534;  // nobody

Status SetNonBlocking(const os::Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0) return {};
  return Fail(SystemError("fcntl"));
}

bool IsReadable(int fd, int patience_ms) {
  pollfd ready{fd, POLLIN, 0};
  int count = 0;
  do {
    count = ::poll(&ready, 1, patience_ms);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

struct BoxPipes {
  os::Fd out;
  os::Fd err;
  os::Fd report;
};

class NoneBox final : public Box {
 public:
  NoneBox(os::Child launcher, BoxPipes pipes)
      : launcher_(std::move(launcher)), pipes_(std::move(pipes)) {}

  ~NoneBox() override {
    if (finished_) return;
    Kill();
    // A launcher that does not react is killed; the tree of a pid namespace follows it.
    if (!IsReadable(exit_fd(), kKillPatienceMs)) {
      (void)os::SignalPidFd(launcher_.pidfd.get(), SIGKILL);
      (void)IsReadable(exit_fd(), kKillPatienceMs);
    }
    ::waitpid(launcher_.pid, nullptr, WNOHANG);
  }

  os::Fd& stdout_pipe() override { return pipes_.out; }
  os::Fd& stderr_pipe() override { return pipes_.err; }
  int exit_fd() const override { return launcher_.pidfd.get(); }
  void Signal(int signal) override { (void)os::SignalPidFd(launcher_.pidfd.get(), signal); }
  os::Fd& proxy_channel() override { return no_channel_; }
  Usage usage() const override { return {}; }
  void Kill() override { (void)os::SignalPidFd(launcher_.pidfd.get(), kKillSignal); }

  Result<os::ExitStatus> Finish() override {
    finished_ = true;
    VM0_ASSIGN(const os::ExitStatus launcher, os::Wait(launcher_.pid));
    const std::string text = ReadReport();
    if (text.empty() && launcher.signal != 0) {
      return Fail(Code::kIo, "the launcher was killed by " + os::DescribeSignal(launcher.signal));
    }
    return ParseReport(text);
  }

 private:
  std::string ReadReport() const {
    std::string text;
    std::array<char, 4096> buffer{};
    ssize_t size = 0;
    while ((size = ::read(pipes_.report.get(), buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

  os::Child launcher_;
  BoxPipes pipes_;
  os::Fd no_channel_;
  bool finished_ = false;
};

Status CheckUser(const BoxSpec& spec) {
  const bool is_root = ::geteuid() == 0;
  if (is_root && spec.run_uid.value_or(0) == 0) {
    return Fail(Code::kSandboxUnavailable,
                "sandbox none never runs an agent as uid 0: the run needs a uid of its own");
  }
  if (!is_root && spec.run_uid) {
    return Fail(Code::kSandboxUnavailable,
                "sandbox none: only root can run an agent as uid " + std::to_string(*spec.run_uid));
  }
  return {};
}

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

Result<std::unique_ptr<Box>> StartLauncher(const BoxSpec& spec) {
  const LaunchPlan plan{.parent = ::getpid(), .box = spec};
  VM0_ASSIGN(const os::Fd plan_file, os::MakeMemFile("vm0-plan", FormatPlan(plan)));
  VM0_ASSIGN(os::Pipe out, os::MakePipe());
  VM0_ASSIGN(os::Pipe err, os::MakePipe());
  VM0_ASSIGN(os::Pipe report, os::MakePipe());
  for (const os::Fd* fd : {&out.read, &err.read, &report.read}) VM0_TRY(SetNonBlocking(*fd));
  VM0_ASSIGN(const os::Fd self, os::OpenSelf());
  const os::SpawnOptions options{.executable = "/proc/self/fd/" + std::to_string(self.get()),
                                 .argv = {"vm0", "launch"},
                                 .environment = {},
                                 .directory = "/",
                                 .descriptors = {{1, out.write.get()},
                                                 {2, err.write.get()},
                                                 {kPlanFd, plan_file.get()},
                                                 {kReportFd, report.write.get()}},
                                 .new_session = true};
  VM0_ASSIGN(os::Child launcher, os::Spawn(options));
  BoxPipes pipes{std::move(out.read), std::move(err.read), std::move(report.read)};
  return std::make_unique<NoneBox>(std::move(launcher), std::move(pipes));
}

// A folder for one preflight.
class ScratchFolder {
 public:
  ScratchFolder() {
    if (::mkdtemp(path_.data()) != nullptr) made_ = true;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  bool made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/vm0-preflight-" + std::string(6, 'X');  // mkdtemp's pattern
  bool made_ = false;
};

class None final : public Driver {
 public:
  std::string_view name() const override { return "none"; }
  bool isolates() const override { return false; }
  Enforceable CanEnforce() const override { return {}; }

  Status Preflight() const override {
    const ScratchFolder folder;
    if (!folder.made()) return Fail(SystemError("make", folder.path()));
    BoxSpec spec;
    spec.argv = {"/bin/true"};
    spec.home = spec.workspace = spec.tmp = folder.path();
    if (::geteuid() == 0) spec.run_uid = kPreflightUid;
    if (spec.run_uid && ::chown(folder.path().c_str(), *spec.run_uid, *spec.run_uid) != 0) {
      return Fail(SystemError("chown", folder.path()));
    }
    VM0_ASSIGN(const auto box, Start(spec));
    if (!IsReadable(box->exit_fd(), kPreflightPatienceMs)) {
      return Fail(Code::kSandboxUnavailable, "sandbox none: /bin/true did not end within 10 s");
    }
    const auto end = box->Finish();
    if (!end) return Fail(Code::kSandboxUnavailable, "sandbox none: " + end.error().message);
    if (end->shell_code() == 0) return {};
    return Fail(Code::kSandboxUnavailable, "sandbox none: /bin/true failed with exit code " +
                                               std::to_string(end->shell_code()));
  }

  Result<std::unique_ptr<Box>> Start(const BoxSpec& spec) const override {
    VM0_TRY(CheckUser(spec));
    BoxSpec found = spec;
    VM0_TRY(FindOnPath(found));
    return StartLauncher(found);
  }
};

}  // namespace

const Driver& NoneDriver() {
  static const None driver;
  return driver;
}

const Driver* FindDriver(std::string_view name) {
  return name == NoneDriver().name() ? &NoneDriver() : nullptr;
}

std::vector<std::string_view> DriverNames() { return {NoneDriver().name()}; }

}  // namespace vm0::sandbox
