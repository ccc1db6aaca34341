// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace vm0 {

// Every way in which a run ends other than completed: its name on the wire (`errorCode`), the run's
// status, what happened and what to do, for people (the run's `error`). The one table of
// supervisor, runner, server and docs (docs/runs.md is generated from it). "{}" stands for what
// only the place that ends the run knows.
//   X(enumerator, name on the wire, status, what happened, what to do)
#define VM0_RUN_ERROR_TABLE(X)                                                                     \
  X(kAgentFailed, "AGENT_FAILED", "failed", "{}", "")                                              \
  X(kAgentExited, "AGENT_EXITED", "failed", "the agent exited with code {}",                       \
    "its last output should say why: vm0 logs")                                                    \
  X(kAgentKilled, "AGENT_KILLED", "failed", "the agent was killed by {}",                          \
    "not by vm0, but by itself or by somebody on its machine; its last output: vm0 logs")          \
  X(kNoResult, "NO_RESULT", "failed", "the agent ended without a result",                          \
    "what it wrote to stderr may say why: vm0 logs --system")                                      \
  X(kOutOfMemory, "OUT_OF_MEMORY", "failed", "killed by the kernel: {}",                           \
    "give it more with limits.memory")                                                             \
  X(kNotStarted, "NOT_STARTED", "failed", "{}", "")                                                \
  X(kSandboxUnavailable, "SANDBOX_UNAVAILABLE", "failed", "{}", "")                                \
  X(kTimeout, "TIMEOUT", "timeout", "the run took longer than its timeout of {}",                  \
    "give it more with --timeout or limits.timeout")                                               \
  X(kIdleTimeout, "IDLE_TIMEOUT", "timeout", "the agent printed nothing for {}",                   \
    "if it works in silence for so long, give it more with limits.idle_timeout")                   \
  X(kSpoolFull, "SPOOL_FULL", "failed", "the agent printed more than the spool's limit of {}",     \
    "let it print less, or split its task")                                                        \
  X(kDiskLimit, "DISK_LIMIT", "failed", "{}", "give it more with limits.disk or limits.files")     \
  X(kEventsRefused, "EVENTS_REFUSED", "failed", "the server refused the run's events: {}",         \
    "what it has is kept; supervisor.log in the run's directory tells more")                       \
  X(kCancelled, "CANCELLED", "cancelled", "the run was cancelled", "")                             \
  X(kCancelledUnstarted, "CANCELLED", "cancelled",                                                 \
    "the run was cancelled before its agent was started", "")                                      \
  X(kSupervisorDied, "SUPERVISOR_DIED", "failed", "the supervisor died; {}", "start the run anew") \
  X(kMachineRestarted, "MACHINE_RESTARTED", "failed",                                              \
    "the machine restarted, and the supervisor died with it; {}", "start the run anew")            \
  X(kSandboxLost, "SANDBOX_LOST", "failed", "the run's sandbox is gone, and all in it; {}",        \
    "start the run anew")                                                                          \
  X(kDirectoryLost, "DIRECTORY_LOST", "failed",                                                    \
    "the run's directory was moved away or deleted; {}", "start the run anew")                     \
  X(kEndLost, "END_LOST", "failed",                                                                \
    "the run had ended before the server's database was put back to an older copy; {}",            \
    "its files are in its directory")                                                              \
  X(kNeverStarted, "NEVER_STARTED", "failed", "the supervisor could not be started{}", "")         \
  X(kSecretsUnreadable, "SECRETS_UNREADABLE", "failed", "the run's secrets can not be read: {}",   \
    "start the run anew")

enum class RunError {
#define X(enumerator, name, status, what, remedy) enumerator,
  VM0_RUN_ERROR_TABLE(X)
#undef X
};

struct RunErrorInfo {
  std::string_view name;
  std::string_view status;
  std::string_view what;    // perhaps with "{}"
  std::string_view remedy;  // perhaps empty
};
const RunErrorInfo& InfoOf(RunError error);

// What happened, for the run's own events.
std::string WhatOf(RunError error, std::string_view detail = "");
// What happened and what to do: the run's `error`.
std::string Describe(RunError error, std::string_view detail = "");

}  // namespace vm0
