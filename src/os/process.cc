// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "base/text.h"
#include "os/file.h"

namespace vm0::os {
namespace {

// kNotFound for a process that is gone.
Error ProcessError(int error_number, std::string_view operation, const std::string& which) {
  Error error = SystemErrorOf(error_number, operation, which);
  if (error_number == ESRCH) error.code = Code::kNotFound;
  return error;
}

}  // namespace

Result<ExitStatus> Wait(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return Fail(SystemError("wait for process", std::to_string(pid)));
  }
  if (WIFSIGNALED(status)) return ExitStatus{.code = 0, .signal = WTERMSIG(status)};
  return ExitStatus{.code = WEXITSTATUS(status), .signal = 0};
}

Result<Fd> OpenPidFd(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd.is_open()) return fd;
  return Fail(ProcessError(errno, "open process", std::to_string(pid)));
}

Status SignalPidFd(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return {};
  return Fail(ProcessError(errno, "signal process", ""));
}

Result<Fd> OpenSelf() {
  Fd fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("open", "/proc/self/exe"));
  return fd;
}

std::optional<std::string> FindProgram(const std::string& name, const std::string& search_path) {
  if (name.empty() || name.contains('/')) return std::nullopt;
  for (std::string_view directory : Split(search_path, ':')) {
    if (directory.empty()) continue;  // the shell's "current directory": never ours
    std::string path = std::string(directory) + "/" + name;
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
        ::access(path.c_str(), X_OK) == 0) {
      return path;
    }
  }
  return std::nullopt;
}

Result<std::string> BootId() {
#ifdef VM0_TEST_HOOKS
  if (const char* id = std::getenv("VM0_TEST_BOOT_ID")) return std::string(id);
#endif
  VM0_ASSIGN(std::string id, ReadFile("/proc/sys/kernel/random/boot_id"));
  return std::string(TrimAscii(id));
}

}  // namespace vm0::os
