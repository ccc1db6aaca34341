// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "os/process.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// Starts `vm0 supervise <run directory>` from our own executable, in a session of its own; what it
// prints is appended to the run's supervisor.log. Its environment is PATH, HOME and LANG alone.
Result<os::Child> LaunchSupervisor(const supervisor::RunDir& dir, int self_fd);

}  // namespace vm0::runner
