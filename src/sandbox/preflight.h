// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// Runs /bin/true in a box of that driver that is like a run's. kSandboxUnavailable with the reason.
Status TryOut(const Driver& driver, Network network);

}  // namespace vm0::sandbox
