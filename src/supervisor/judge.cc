// SPDX-License-Identifier: Apache-2.0
#include "supervisor/judge.h"

#include <cassert>

#include "agent/limits.h"
#include "os/signal_name.h"

namespace vm0::supervisor {
namespace {

constexpr std::size_t kLongestOutput = 256 << 10;
constexpr std::size_t kLongestReason = 4 << 10;
constexpr int kShellKilled = 137;  // a shell's exit code for a child that SIGKILL ended

Judgement Ended(RunError error, std::string_view detail = "") {
  const RunErrorInfo& info = InfoOf(error);
  return {.status = std::string(info.status),
          .reason = CutText(Describe(error, detail), kLongestReason),
          .output = std::nullopt,
          .exit_code = std::nullopt,
          .signal = std::nullopt,
          .error_code = std::string(info.name)};
}

Judgement Completed() {
  Judgement judgement;
  judgement.status = "completed";
  return judgement;
}

Judgement JudgeExit(const os::ExitStatus& exit) {
  if (exit.signal != 0) return Ended(RunError::kAgentKilled, os::DescribeSignal(exit.signal));
  return Ended(RunError::kAgentExited, std::to_string(exit.code));
}

Judgement JudgeOutcome(const agent::Outcome& outcome) {
  if (outcome.success) return Completed();
  return Ended(RunError::kAgentFailed,
               outcome.result.empty() ? "the agent reported a failure" : outcome.result);
}

// The agent, or what it waited for, was killed for the memory limit, as far as can be told.
bool IsOutOfMemory(const Facts& facts) {
  if (!facts.usage || facts.usage->oom_kills == 0) return false;
  return !facts.exit || facts.exit->shell_code() == kShellKilled;
}

Judgement JudgeUnexecuted(const Error& error) {
  const bool has_no_sandbox = error.code == Code::kSandboxUnavailable;
  return Ended(has_no_sandbox ? RunError::kSandboxUnavailable : RunError::kNotStarted,
               error.message);
}

Judgement JudgeByItself(const Facts& facts) {
  if (IsOutOfMemory(facts)) return Ended(RunError::kOutOfMemory, DescribeMemory(facts));
  if (!facts.exit) return JudgeUnexecuted(facts.exit.error());
  if (facts.outcome && !facts.outcome->success) return JudgeOutcome(*facts.outcome);
  if (facts.exit->shell_code() != 0) return JudgeExit(*facts.exit);
  if (facts.has_terminal_event && !facts.outcome) return Ended(RunError::kNoResult);
  return Completed();
}

// kNobody and kHungAfterResult: the agent's own word counts.
std::optional<RunError> ErrorOf(EndedBy reason) {
  switch (reason) {
    case EndedBy::kTimeout:
      return RunError::kTimeout;
    case EndedBy::kIdleTimeout:
      return RunError::kIdleTimeout;
    case EndedBy::kSpoolFull:
      return RunError::kSpoolFull;
    case EndedBy::kDiskLimit:
      return RunError::kDiskLimit;
    case EndedBy::kRefused:
      return RunError::kEventsRefused;
    case EndedBy::kCancel:
      return RunError::kCancelled;
    case EndedBy::kHungAfterResult:
    case EndedBy::kNobody:
      break;
  }
  return std::nullopt;
}

// Its work was done before; how it took our signal does not matter. A limit that is passed counts
// all the same.
bool WasDoneBefore(const Facts& facts) {
  if (!facts.outcome_before) return false;
  return facts.ended_by == EndedBy::kHungAfterResult || facts.ended_by == EndedBy::kCancel ||
         facts.ended_by == EndedBy::kTimeout || facts.ended_by == EndedBy::kIdleTimeout;
}

Judgement JudgeStatus(const Facts& facts) {
  if (WasDoneBefore(facts)) return JudgeOutcome(*facts.outcome_before);
  const auto error = ErrorOf(facts.ended_by);
  return error ? Ended(*error, facts.detail) : JudgeByItself(facts);
}

}  // namespace

Judgement Judge(const Facts& facts) {
  Judgement judgement = JudgeStatus(facts);
  const auto& said = WasDoneBefore(facts) ? facts.outcome_before : facts.outcome;
  if (said && said->success) judgement.output = CutText(said->result, kLongestOutput);
  if (!facts.exit) return judgement;
  if (facts.exit->signal != 0) {
    judgement.signal = facts.exit->signal;
  } else {
    judgement.exit_code = facts.exit->code;
  }
  return judgement;
}

std::string DescribeEnding(EndedBy reason, const std::string& detail) {
  if (reason == EndedBy::kHungAfterResult) {
    return "the agent gave its result, then printed nothing for " + detail +
           " and did not exit: it is ended";
  }
  const auto error = ErrorOf(reason);
  assert(error);
  return WhatOf(*error, detail);
}

std::string DescribeMemory(const Facts& facts) {
  std::string text = "memory limit";
  if (facts.memory_limit) text += " " + agent::FormatLimit(*facts.memory_limit);
  if (facts.usage && facts.usage->memory_peak_bytes) {
    text += ", peak " + agent::FormatBytes(*facts.usage->memory_peak_bytes);
  }
  return text;
}

std::string CutText(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t cut = limit;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  text.resize(cut);
  return text;
}

}  // namespace vm0::supervisor
