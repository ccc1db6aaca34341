// SPDX-License-Identifier: Apache-2.0
#include "supervisor/judge.h"

#include "agent/limits.h"
#include "os/signal_name.h"

namespace vm0::supervisor {
namespace {

constexpr std::size_t kLongestOutput = 256 << 10;
constexpr std::size_t kLongestReason = 4 << 10;
constexpr int kShellKilled = 137;  // a shell's exit code for a child that SIGKILL ended

Judgement Ended(std::string status, std::string reason) {
  return {.status = std::move(status),
          .reason = CutText(std::move(reason), kLongestReason),
          .output = std::nullopt,
          .exit_code = std::nullopt,
          .signal = std::nullopt,
          .error_code = std::nullopt};
}

Judgement Completed() {
  Judgement judgement;
  judgement.status = "completed";
  return judgement;
}

Judgement JudgeExit(const os::ExitStatus& exit) {
  if (exit.signal != 0) {
    return Ended("failed", "the agent was killed by " + os::DescribeSignal(exit.signal));
  }
  return Ended("failed", "the agent exited with code " + std::to_string(exit.code));
}

// The agent, or what it waited for, was killed for the memory limit, as far as can be told.
bool IsOutOfMemory(const Facts& facts) {
  if (!facts.usage || facts.usage->oom_kills == 0) return false;
  return !facts.exit || facts.exit->shell_code() == kShellKilled;
}

Judgement JudgeByItself(const Facts& facts) {
  if (IsOutOfMemory(facts)) {
    return Ended("failed", "killed by the kernel: " + DescribeMemory(facts));
  }
  if (facts.outcome && !facts.outcome->success) {
    const std::string& text = facts.outcome->result;
    return Ended("failed", text.empty() ? "the agent reported a failure" : text);
  }
  if (facts.exit->shell_code() != 0) return JudgeExit(*facts.exit);
  if (facts.has_terminal_event && !facts.outcome) {
    return Ended("failed", "the agent ended without a result");
  }
  return Completed();
}

Judgement JudgeStatus(const Facts& facts) {
  switch (facts.ended_by) {
    case EndedBy::kTimeout:
      return Ended("timeout", "the run took longer than its timeout of " + facts.detail);
    case EndedBy::kIdleTimeout:
      return Ended("timeout", "the agent printed nothing for " + facts.detail);
    case EndedBy::kSpoolFull:
      return Ended("failed", "the agent printed more than the spool's limit of " + facts.detail);
    case EndedBy::kDiskLimit:
      return Ended("failed", facts.detail);
    case EndedBy::kRefused:
      return Ended("failed", "the server refused the run's events: " + facts.detail);
    case EndedBy::kCancel:
      // Its work was done; how it took our signal does not matter.
      if (facts.succeeded_before_cancel) return Completed();
      return Ended("cancelled", "the run was cancelled");
    case EndedBy::kNobody:
      break;
  }
  return JudgeByItself(facts);
}

}  // namespace

Judgement Judge(const Facts& facts) {
  if (!facts.exit && facts.ended_by == EndedBy::kNobody && !IsOutOfMemory(facts)) {
    Judgement judgement = Ended("failed", facts.exit.error().message);
    if (facts.exit.error().code == Code::kSandboxUnavailable)
      judgement.error_code = InfoOf(Code::kSandboxUnavailable).name;
    return judgement;
  }
  Judgement judgement = JudgeStatus(facts);
  if (facts.outcome && facts.outcome->success) {
    judgement.output = CutText(facts.outcome->result, kLongestOutput);
  }
  if (!facts.exit) return judgement;
  if (facts.exit->signal != 0) {
    judgement.signal = facts.exit->signal;
  } else {
    judgement.exit_code = facts.exit->code;
  }
  return judgement;
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
