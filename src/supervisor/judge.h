// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "agent/dialect.h"
#include "base/result.h"
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
  kRefused,  // the server stored something else than we sent
};

// What is known when the agent is gone.
struct Facts {
  bool has_terminal_event = false;        // the dialect's
  std::optional<agent::Outcome> outcome;  // of the last terminal event
  bool succeeded_before_cancel = false;   // a successful terminal event came before SIGINT
  EndedBy ended_by = EndedBy::kNobody;
  std::string detail;                        // of ended_by, for people: the limit that was reached
  std::optional<std::int64_t> memory_limit;  // that the box holds
  std::optional<sandbox::Usage> usage;       // of a box that was started
  std::optional<std::int64_t> disk_peak_bytes;     // where the disk is metered
  Result<os::ExitStatus> exit = os::ExitStatus{};  // the error: it could never be executed
};

// How the run ended: what `complete` says (docs/protocol.md 4 and 6).
struct Judgement {
  std::string status;  // "completed", "failed", "timeout", "cancelled"
  std::optional<std::string> reason;
  std::optional<std::string> output;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<std::string> error_code;  // of what made the run impossible
};
Judgement Judge(const Facts& facts);

// "memory limit 4 GiB, peak 4.0 GiB": what the kernel killed for.
std::string DescribeMemory(const Facts& facts);

// `text`, cut between characters to at most `limit` bytes.
std::string CutText(std::string text, std::size_t limit);

}  // namespace vm0::supervisor
