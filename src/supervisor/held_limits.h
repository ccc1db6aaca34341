// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/limits.h"
#include "sandbox/sandbox.h"

namespace vm0::supervisor {

// What a run is held to, and which defaults its sandbox can't hold here.
struct HeldLimits {
  agent::Limits limits;
  std::vector<std::string> unenforced;
};

// The disk is metered by the supervisor (disk_meter.h), where the sandbox limits the size of one
// file: that is what stops an agent between two looks.
agent::Enforceable EnforceableBy(const sandbox::Driver& driver);

// kSandboxUnavailable naming a limit that somebody has named and `driver` can't hold.
Result<HeldLimits> HoldLimits(const agent::Limits& named, const sandbox::Driver& driver);

// The part of it that the box holds.
sandbox::Limits BoxLimits(const agent::Limits& held);

}  // namespace vm0::supervisor
