// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "agent/dialect.h"
#include "base/result.h"
#include "base/run_error.h"
#include "os/process.h"
#include "sandbox/sandbox.h"

namespace vm0::supervisor {

// Why vm0 itself ended the agent, if it did. The first reason counts.
enum class EndedBy {
  kNobody,
  kCancel,
  kTimeout,
  kIdleTimeout,
  kSpoolFull,
  kDiskLimit,
  kRefused,          // the server stored something else than we sent
  kHungAfterResult,  // it gave its result and did not exit
};

// What is known when the agent is gone.
struct Facts {
  bool has_terminal_event = false;        // the dialect's
  std::optional<agent::Outcome> outcome;  // of the last terminal event
  // Of the last terminal event, if nothing of the agent was under way any more when vm0 ended it.
  std::optional<agent::Outcome> outcome_before;
  EndedBy ended_by = EndedBy::kNobody;
  std::string detail;                        // of ended_by, for people: the limit that was reached
  std::optional<std::int64_t> memory_limit;  // that the box holds
  std::optional<sandbox::Usage> usage;       // of a box that was started
  std::optional<std::int64_t> disk_peak_bytes;     // where the disk is metered
  Result<os::ExitStatus> exit = os::ExitStatus{};  // the error: it could never be executed
};

// How the run ended: what `complete` says (docs/protocol.md 4; docs/runs.md).
struct Judgement {
  std::string status;  // "completed", "failed", "timeout", "cancelled"
  std::optional<std::string> reason;
  std::optional<std::string> output;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<std::string> error_code;  // a name of base/run_error.h
};
// Weighs the terminal event, the exit and who ended the agent; all of docs/runs.md "How the end is
// judged".
Judgement Judge(const Facts& facts);

// "the run took longer than its timeout of 30m": what happened, for an event that tells it while it
// does. Not for kNobody.
std::string DescribeEnding(EndedBy reason, const std::string& detail);

// "memory limit 4 GiB, peak 4.0 GiB": what the kernel killed for.
std::string DescribeMemory(const Facts& facts);

// `text`, cut between characters to at most `limit` bytes.
std::string CutText(std::string text, std::size_t limit);

}  // namespace vm0::supervisor
