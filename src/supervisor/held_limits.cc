// SPDX-License-Identifier: Apache-2.0
#include "supervisor/held_limits.h"

namespace vm0::supervisor {

agent::Enforceable EnforceableBy(const sandbox::Driver& driver) {
  const sandbox::Enforceable can = driver.CanEnforce();
  return {.memory = can.memory,
          .pids = can.pids,
          .cpu = can.cpu,
          .disk = can.file_bytes,
          .open_files = can.open_files};
}

Result<HeldLimits> HoldLimits(const agent::Limits& named, const sandbox::Driver& driver) {
  const agent::Enforceable can = EnforceableBy(driver);
  VM0_TRY(agent::CheckNamed(named, can, std::string(driver.name())));
  return HeldLimits{agent::HeldLimits(named, can), agent::UnheldDefaults(named, can)};
}

sandbox::Limits BoxLimits(const agent::Limits& held) {
  return {.memory_bytes = held.memory_bytes,
          .pids = held.pids,
          .cpu = held.cpu,
          .open_files = held.open_files,
          .file_bytes = held.disk_bytes};
}

}  // namespace vm0::supervisor
