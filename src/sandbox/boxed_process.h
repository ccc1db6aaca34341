// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sandbox/launch_plan.h"

namespace vm0::sandbox {

// The first process inside of a bubblewrap box, for the agent an unreadable pid 1. Hands out its
// own pidfd and, for Network::kAllowlist, the proxy's listener; starts and tends the agent; obeys
// the control socket; reports. When it ends, the kernel ends the whole box: also when the other end
// of the control socket, or bwrap, has died.
[[noreturn]] void RunBoxedProcess(const InsidePlan& plan);

}  // namespace vm0::sandbox
