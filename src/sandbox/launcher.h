// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vm0::sandbox {

// The hidden subcommand `vm0 launch`: a small process between the supervisor and the agent,
// executed with an empty environment, that reads what to run from descriptor 3 (a memfd, JSON),
// reports over descriptor 4, makes the namespaces, becomes the run's user, executes the agent and
// kills whatever it leaves behind. Dies with its parent. Returns its exit code.
int LauncherMain();

}  // namespace vm0::sandbox
