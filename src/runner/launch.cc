// SPDX-License-Identifier: Apache-2.0
#include "runner/launch.h"

#include <fcntl.h>

#include <cstdlib>

namespace vm0::runner {
namespace {

constexpr const char* kPassedOn[] = {
    "PATH",           "HOME",           "LANG",
#ifdef VM0_TEST_HOOKS
    "VM0_TEST_CLOCK", "VM0_FAULT",      "VM0_FAULT_ONCE_FILE",
    "VM0_FAULT_FILE", "VM0_TEST_POWER", "VM0_TEST_BOOT_ID",
#endif
};

std::map<std::string, std::string> SupervisorEnvironment() {
  std::map<std::string, std::string> environment;
  for (const char* name : kPassedOn) {
    if (const char* value = std::getenv(name)) environment.emplace(name, value);
  }
  return environment;
}

}  // namespace

Result<os::Child> LaunchSupervisor(const supervisor::RunDir& dir, int self_fd) {
  const auto path = dir.log();
  const os::Fd log(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!log.is_open()) return Fail(SystemError("open", path.string()));
  os::SpawnOptions options;
  options.executable = "/proc/self/fd/" + std::to_string(self_fd);
  options.argv = {"vm0", "supervise", dir.path().string()};
  options.environment = SupervisorEnvironment();
  options.descriptors = {{1, log.get()}, {2, log.get()}};
  options.new_session = true;
  return os::Spawn(options);
}

}  // namespace vm0::runner
