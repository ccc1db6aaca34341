// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "sandbox/launch_plan.h"

namespace vm0::sandbox {

// Becomes bwrap, as the run's user, with what the box shows on a private shelf when we are uid 0.
// Returns only when that fails: kSandboxUnavailable with the reason.
//
// bwrap's standard error is the report's pipe, so that its words come out there; the environment
// has the run's id, by which KillLeftovers finds it, and no more.
Error BecomeBubblewrap(const LaunchPlan& plan);

}  // namespace vm0::sandbox
