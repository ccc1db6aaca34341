// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::os {

// How a child is started. The child gets exactly this environment and no descriptor that is not
// named here.
struct SpawnOptions {
  std::string executable;  // absolute path, or /proc/self/fd/N
  std::vector<std::string> argv = {};
  std::map<std::string, std::string> environment = {};
  std::string directory = "/";
  // In the child: fd number → descriptor of ours to be found there. 0, 1 and 2 are /dev/null unless
  // named.
  std::map<int, int> descriptors = {};
  bool new_session = false;  // setsid: survives us and our terminal
};

struct Child {
  pid_t pid = -1;
  Fd pidfd;  // readable when the process has ended
};

// kIo naming the executable when it can't be executed (reported by the child over a pipe, so exec
// errors are seen here and not later).
Result<Child> Spawn(const SpawnOptions& options);

// How a process ended.
struct ExitStatus {
  int code = 0;    // exit code; meaningless when signal is set
  int signal = 0;  // 0 when it exited by itself
  // 128 + signal, as a shell shows it.
  int shell_code() const { return signal ? 128 + signal : code; }
};
// Reaps a child of ours; blocks until it has ended.
Result<ExitStatus> Wait(pid_t pid);

// The pidfd of any process; kNotFound when there is none.
Result<Fd> OpenPidFd(pid_t pid);
Status SignalPidFd(int pidfd, int signal);

// A descriptor of our own executable, opened at start-up: stays the same binary when the file is
// replaced. Execute it as /proc/self/fd/N.
Result<Fd> OpenSelf();

// First executable file of that name in `search_path` (':'-separated); nullopt if there is none.
std::optional<std::string> FindProgram(const std::string& name, const std::string& search_path);

// The kernel's boot id; a reboot changes it. In test builds the one that VM0_TEST_BOOT_ID names.
Result<std::string> BootId();

}  // namespace vm0::os
