// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "sandbox/agent_process.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// What a box shows of the host, by mounts in a private mount namespace that the caller has made.
// The driver `none` leaves the host's files in view and adds to them.

// For a run's user who may not be able to enter our folders: home, workspace and, if he can't reach
// it, the agent's installation get places below /mnt. We are uid 0. kSandboxUnavailable with the
// reason otherwise.
Result<AgentLaunch> ShowToRunUser(const BoxSpec& spec);
// For an agent that runs as ourselves: all stays where it is; a read-only workspace becomes so.
Result<AgentLaunch> ShowToOurselves(const BoxSpec& spec);

}  // namespace vm0::sandbox
