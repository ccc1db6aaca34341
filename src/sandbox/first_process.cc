// SPDX-License-Identifier: Apache-2.0
#include "sandbox/first_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "os/fd.h"
#include "sandbox/agent_tender.h"
#include "sandbox/inside.h"
#include "sandbox/launch_plan.h"
#include "sandbox/mounts.h"

namespace vm0::sandbox {
namespace {

// Two pipes: the launcher says when the id maps are written, the first process how its set-up went.
struct Handshake {
  os::Pipe go;
  os::Pipe ready;
};

// First byte of the first process's word; the error's text follows.
constexpr char kReady = 'r';
constexpr char kNoNamespaces = 'n';
constexpr char kNoBox = 'b';

[[noreturn]] void Refuse(const Handshake& shake, char kind, const Error& error) {
  (void)os::WriteAll(shake.ready.write.get(), kind + error.message);
  ::_exit(1);
}

// The launcher holds the other end of `go` for its life; its death while we were not yet, or not
// any more, armed with a parent death signal is seen there.
void EndWithLauncher(const Handshake& shake) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd end{shake.go.read.get(), 0, 0};
  if (::poll(&end, 1, 0) > 0 && (end.revents & POLLHUP) != 0) ::_exit(1);
}

[[noreturn]] void RunFirstProcess(const BoxSpec& spec, Handshake& shake) {
  shake.go.write.Close();
  shake.ready.read.Close();
  EndWithLauncher(shake);
  char byte = 0;
  if (::read(shake.go.read.get(), &byte, 1) != 1) ::_exit(1);
  if (auto status = MakeMountsPrivate(); !status) Refuse(shake, kNoNamespaces, status.error());
  if (auto status = MountProc(); !status) Refuse(shake, kNoNamespaces, status.error());
  const auto launch = spec.run_uid ? ShowToRunUser(spec) : ShowToOurselves(spec);
  if (!launch) Refuse(shake, kNoBox, launch.error());
  EndWithLauncher(shake);  // again: looking at files as another user cleared it
  (void)os::WriteAll(shake.ready.write.get(), std::string(1, kReady));
  shake.ready.write.Close();
  const auto end = TendAgent(*launch, NextSignal);
  (void)os::WriteAll(kReportFd, FormatReport(end));
  ::_exit(0);
}

Status WriteIdFile(pid_t process, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(process) + "/" + name;
  os::Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("open", path));
  return os::WriteAll(fd.get(), text);
}

// Each id means itself, so that files and processes look as they do outside.
Status MapOurselves(pid_t process) {
  const auto same = [](id_t id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
  VM0_TRY(WriteIdFile(process, "setgroups", "deny"));
  VM0_TRY(WriteIdFile(process, "uid_map", same(::geteuid())));
  return WriteIdFile(process, "gid_map", same(::getegid()));
}

std::unexpected<StartFailure> NoNamespaces(Error error) {
  return std::unexpected(StartFailure{Refusal::kNamespaces, std::move(error)});
}

std::expected<void, StartFailure> AwaitReady(Handshake& shake) {
  std::string word;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t size = ::read(shake.ready.read.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    word.append(buffer.data(), static_cast<std::size_t>(size));
    if (word.front() == kReady) return {};
  }
  if (word.empty()) return NoNamespaces({Code::kIo, "the first process died in its set-up"});
  const Refusal refusal = word.front() == kNoBox ? Refusal::kBox : Refusal::kNamespaces;
  return std::unexpected(StartFailure{refusal, {Code::kSandboxUnavailable, word.substr(1)}});
}

}  // namespace

std::expected<FirstProcess, StartFailure> StartFirstProcess(const BoxSpec& spec) {
  auto go = os::MakePipe();
  auto ready = os::MakePipe();
  if (!go || !ready) return NoNamespaces(SystemError("pipe"));
  Handshake shake{std::move(*go), std::move(*ready)};
  unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | SIGCHLD;
  flags |= spec.run_uid ? CLONE_NEWIPC : CLONE_NEWUSER;
  // Not unshare: we stay outside, and can go on without the namespaces when they are refused.
  const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0));
  if (pid == 0) RunFirstProcess(spec, shake);
  if (pid < 0) return NoNamespaces(SystemError("make namespaces"));
  shake.go.read.Close();
  shake.ready.write.Close();
  Status mapped;
  if (!spec.run_uid) mapped = MapOurselves(pid);
  std::expected<void, StartFailure> started;
  if (mapped) {
    (void)os::WriteAll(shake.go.write.get(), "g");
    started = AwaitReady(shake);
  } else {
    started = NoNamespaces(mapped.error());
  }
  if (!started) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(std::move(started).error());
  }
  (void)shake.go.write.Release();  // open for our life: see EndWithLauncher
  return FirstProcess{pid};
}

}  // namespace vm0::sandbox
