// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config.h"

namespace vm0::agent {

// Checks `agent.limits`. Sizes are ParseBytes texts or whole numbers of bytes, times ParseDuration
// texts or whole seconds. kBadRequest naming the key otherwise.
Result<Limits> ParseLimits(const json::object& limits);

}  // namespace vm0::agent
