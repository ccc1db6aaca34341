// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/result.h"
#include "os/process.h"
#include "sandbox/agent_process.h"

namespace vm0::sandbox {

// Blocks the signals that NextSignal waits for.
void BlockSignals();
// Waits for SIGCHLD, SIGINT, SIGTERM or kKillSignal.
int NextSignal();

// Starts the agent and stays until it has ended, doing what `next` says: SIGCHLD, reap what has
// ended; kKillSignal, end the wait at once, with the result SIGKILL; any other is passed on to the
// agent's process group. What the agent leaves behind is for the caller. SIGCHLD must be blocked.
Result<os::ExitStatus> TendAgent(const AgentLaunch& launch, const std::function<int()>& next);

}  // namespace vm0::sandbox
