// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "store/types.h"

namespace vm0::run {

// The run's state machine, the only place that changes a status: pending → running, pending →
// cancelled | failed, running → completed | failed | timeout | cancelled. Anything else, and any
// change of a terminal state, is kConflict and changes nothing.
Status Transition(store::Run& run, store::RunStatus to);

}  // namespace vm0::run
