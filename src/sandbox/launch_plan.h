// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/process.h"
#include "sandbox/agent_process.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// What passes between driver and launcher: the plan on one descriptor, one report on the other.
inline constexpr int kPlanFd = 3;
inline constexpr int kReportFd = 4;
// For bubblewrap also: orders for the box, and where the proxy's listener goes.
inline constexpr int kControlFd = 5;
inline constexpr int kProxyFd = 6;
// Tells the launcher to kill the tree; SIGINT and SIGTERM are passed on to the agent.
inline constexpr int kKillSignal = 10;  // SIGUSR1

// A box to be made, and by whom: the launcher ends when `parent` is not its parent any more.
struct LaunchPlan {
  pid_t parent = 0;
  std::string bubblewrap;                          // the bwrap to do it with; empty: no isolation
  std::vector<std::filesystem::path> groups = {};  // control groups to join (ControlGroup::folders)
  BoxSpec box;
};
// JSON, version 1.
std::string FormatPlan(const LaunchPlan& plan);
Result<LaunchPlan> ParsePlan(std::string_view text);

// What the first process of a bubblewrap box is to do there; same descriptors, same format.
struct InsidePlan {
  AgentLaunch launch;
  int out = -1;  // descriptors: the agent's output
  int err = -1;
  int filter = -1;                    // the agent's system call filter
  std::vector<std::string> writable;  // the folders that the agent may write below
  Network network = Network::kNone;
};
std::string FormatInsidePlan(const InsidePlan& plan);
// nullopt when `text` is a LaunchPlan.
Result<std::optional<InsidePlan>> ParseInsidePlan(std::string_view text);

// How it ended, as one line of JSON: {"exit":3}, {"signal":9} or {"code":…,"error":…}.
std::string FormatReport(const Result<os::ExitStatus>& end);
// The first report in `text`; kIo when there is none.
Result<os::ExitStatus> ParseReport(std::string_view text);

}  // namespace vm0::sandbox
