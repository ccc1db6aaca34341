// SPDX-License-Identifier: Apache-2.0
#include "supervisor/judge.h"

#include <gtest/gtest.h>

#include <map>

namespace vm0::supervisor {
namespace {

Facts Exited(int code) {
  Facts facts;
  facts.exit = os::ExitStatus{.code = code, .signal = 0};
  return facts;
}

Facts WithResult(int code, bool success, std::string result) {
  Facts facts = Exited(code);
  facts.has_terminal_event = true;
  facts.outcome = agent::Outcome{success, std::move(result)};
  return facts;
}

std::string Told(const Facts& facts) {
  const Judgement judgement = Judge(facts);
  return judgement.status + ": " + judgement.reason.value_or("-");
}

TEST(Judge, GoesByTheExitCodeWhereThereIsNoTerminalEvent) {
  EXPECT_EQ(Told(Exited(0)), "completed: -");
  EXPECT_EQ(Told(Exited(3)), "failed: the agent exited with code 3");
  EXPECT_EQ(Judge(Exited(3)).exit_code, 3);
  EXPECT_EQ(Judge(Exited(3)).signal, std::nullopt);
}

TEST(Judge, NamesTheSignal) {
  Facts facts;
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  EXPECT_EQ(Told(facts), "failed: the agent was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(Judge(facts).signal, 9);
  EXPECT_EQ(Judge(facts).exit_code, std::nullopt);
}

TEST(Judge, NeedsBothTheResultAndTheExitCode) {
  EXPECT_EQ(Told(WithResult(0, true, "42")), "completed: -");
  EXPECT_EQ(Judge(WithResult(0, true, "42")).output, "42");
  EXPECT_EQ(Told(WithResult(1, true, "42")), "failed: the agent exited with code 1");
  EXPECT_EQ(Judge(WithResult(1, true, "42")).output, "42");
  EXPECT_EQ(Told(WithResult(0, false, "API Error: 400")), "failed: API Error: 400");
  EXPECT_EQ(Told(WithResult(1, false, "API Error: 400")), "failed: API Error: 400");
  EXPECT_EQ(Told(WithResult(0, false, "")), "failed: the agent reported a failure");
  EXPECT_EQ(Judge(WithResult(0, false, "API Error: 400")).output, std::nullopt);
}

TEST(Judge, MissesTheResultOfAnAgentThatHasOne) {
  Facts facts = Exited(0);
  facts.has_terminal_event = true;
  EXPECT_EQ(Told(facts), "failed: the agent ended without a result");
}

TEST(Judge, TellsWhyItWasNeverExecuted) {
  Facts facts;
  facts.exit = Fail(Code::kIo, "execute /x/agent: No such file or directory");
  EXPECT_EQ(Told(facts), "failed: execute /x/agent: No such file or directory");
  EXPECT_EQ(Judge(facts).exit_code, std::nullopt);
}

TEST(Judge, TellsWhatTheKernelKilledFor) {
  Facts facts;
  facts.memory_limit = 4LL << 30;
  facts.usage = sandbox::Usage{.memory_peak_bytes = 4LL << 30,
                               .pids_peak = std::nullopt,
                               .cpu_us = std::nullopt,
                               .oom_kills = 1};
  const std::string told = "failed: killed by the kernel: memory limit 4 GiB, peak 4.0 GiB";
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  EXPECT_EQ(Told(facts), told);
  EXPECT_EQ(Judge(facts).signal, 9);
  facts.exit = os::ExitStatus{.code = 137, .signal = 0};
  EXPECT_EQ(Told(facts), told);
  facts.exit = Fail(Code::kIo, "the sandbox was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(Told(facts), told);
  // The agent went on.
  facts.exit = os::ExitStatus{.code = 0, .signal = 0};
  EXPECT_EQ(Told(facts), "completed: -");
  facts.exit = os::ExitStatus{.code = 3, .signal = 0};
  EXPECT_EQ(Told(facts), "failed: the agent exited with code 3");
  // Somebody else killed it.
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  facts.usage->oom_kills = 0;
  EXPECT_EQ(Told(facts), "failed: the agent was killed by signal 9 (SIGKILL)");
}

TEST(Judge, NamesTheErrorWhenThereIsNoSandbox) {
  Facts facts;
  facts.exit = Fail(Code::kSandboxUnavailable, "no user namespaces here");
  EXPECT_EQ(Told(facts), "failed: no user namespaces here");
  EXPECT_EQ(Judge(facts).error_code, "SANDBOX_UNAVAILABLE");
  facts.exit = Fail(Code::kIo, "no such file");
  EXPECT_EQ(Judge(facts).error_code, std::nullopt);
}

TEST(Judge, TellsWhatWeEndedItFor) {
  Facts facts;
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  facts.detail = "30m";
  const std::map<EndedBy, std::string> expected = {
      {EndedBy::kCancel, "cancelled: the run was cancelled"},
      {EndedBy::kTimeout, "timeout: the run took longer than its timeout of 30m"},
      {EndedBy::kIdleTimeout, "timeout: the agent printed nothing for 30m"},
      {EndedBy::kSpoolFull, "failed: the agent printed more than the spool's limit of 30m"},
      {EndedBy::kDiskLimit, "failed: 30m"},
      {EndedBy::kRefused, "failed: the server refused the run's events: 30m"}};
  for (const auto& [reason, told] : expected) {
    facts.ended_by = reason;
    EXPECT_EQ(Told(facts), told);
    EXPECT_EQ(Judge(facts).signal, 9);
  }
}

TEST(Judge, LetsACancelledAgentKeepASuccessThatCameBefore) {
  Facts facts = WithResult(0, true, "done");
  facts.ended_by = EndedBy::kCancel;
  EXPECT_EQ(Told(facts), "cancelled: the run was cancelled") << "its result came after the signal";
  facts.succeeded_before_cancel = true;
  EXPECT_EQ(Told(facts), "completed: -");
  facts.exit = os::ExitStatus{.code = 0, .signal = 2};
  EXPECT_EQ(Told(facts), "completed: -") << "how it took our signal does not matter";
}

TEST(Judge, CutsTheOutputBetweenCharacters) {
  std::string text((256 << 10) - 1, 'x');
  text += "\xe2\x82\xac and more";
  const auto output = *Judge(WithResult(0, true, text)).output;
  EXPECT_EQ(output.size(), (256u << 10) - 1);
  EXPECT_EQ(CutText("\xe2\x82\xac", 3), "\xe2\x82\xac");
  EXPECT_EQ(CutText("\xe2\x82\xac", 2), "");
}

}  // namespace
}  // namespace vm0::supervisor
