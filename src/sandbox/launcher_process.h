// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "os/process.h"
#include "sandbox/launch_plan.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// What every box of ours starts with: a process `vm0 launch` and the pipes that come from it. The
// read ends do not block.
struct LauncherProcess {
  os::Child child;
  os::Fd out;
  os::Fd err;
  os::Fd report;
};

// `descriptors`: more of them for the launcher, by its numbers.
Result<LauncherProcess> SpawnLauncher(const LaunchPlan& plan, std::map<int, int> descriptors = {});

// All that has been reported; after the process has ended.
std::string ReadReport(const LauncherProcess& launcher);

// kSandboxUnavailable when the agent would run as uid 0, or as somebody whom we can't become.
Status CheckRunUser(std::string_view driver, const BoxSpec& spec);

// Whether the descriptor became readable in that time.
bool AwaitReadable(int fd, int patience_ms);

}  // namespace vm0::sandbox
