// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// "none": no isolation from the host. The agent runs as an ordinary user, never as uid 0, with the
// host's files and network, in a pid namespace of its own where the machine has one, so that it can
// leave nothing behind.
const Driver& NoneDriver();

}  // namespace vm0::sandbox
