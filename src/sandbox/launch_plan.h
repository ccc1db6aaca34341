// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/process.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// What passes between driver and launcher: the plan on one descriptor, one report on the other.
inline constexpr int kPlanFd = 3;
inline constexpr int kReportFd = 4;
// Tells the launcher to kill the tree; SIGINT and SIGTERM are passed on to the agent.
inline constexpr int kKillSignal = 10;  // SIGUSR1

// A box to be made, and by whom: the launcher ends when `parent` is not its parent any more.
struct LaunchPlan {
  pid_t parent = 0;
  BoxSpec box;
};
// JSON, version 1.
std::string FormatPlan(const LaunchPlan& plan);
Result<LaunchPlan> ParsePlan(std::string_view text);

// How it ended, as one line of JSON: {"exit":3}, {"signal":9} or {"code":…,"error":…}.
std::string FormatReport(const Result<os::ExitStatus>& end);
// The first report in `text`; kIo when there is none.
Result<os::ExitStatus> ParseReport(std::string_view text);

}  // namespace vm0::sandbox
