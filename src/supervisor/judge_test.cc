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

std::string As(RunError error, std::string_view detail = "") {
  return std::string(InfoOf(error).status) + ": " + Describe(error, detail);
}

TEST(Judge, GoesByTheExitCodeWhereThereIsNoTerminalEvent) {
  EXPECT_EQ(Told(Exited(0)), "completed: -");
  EXPECT_EQ(Told(Exited(3)), As(RunError::kAgentExited, "3"));
  EXPECT_EQ(Judge(Exited(3)).exit_code, 3);
  EXPECT_EQ(Judge(Exited(3)).signal, std::nullopt);
}

TEST(Judge, NamesTheSignal) {
  Facts facts;
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  EXPECT_EQ(Told(facts), As(RunError::kAgentKilled, "signal 9 (SIGKILL)"));
  EXPECT_EQ(Judge(facts).signal, 9);
  EXPECT_EQ(Judge(facts).exit_code, std::nullopt);
}

TEST(Judge, NeedsBothTheResultAndTheExitCode) {
  EXPECT_EQ(Told(WithResult(0, true, "42")), "completed: -");
  EXPECT_EQ(Judge(WithResult(0, true, "42")).output, "42");
  EXPECT_EQ(Told(WithResult(1, true, "42")), As(RunError::kAgentExited, "1"));
  EXPECT_EQ(Judge(WithResult(1, true, "42")).output, "42");
  EXPECT_EQ(Told(WithResult(0, false, "API Error: 400")), "failed: API Error: 400");
  EXPECT_EQ(Told(WithResult(1, false, "API Error: 400")), "failed: API Error: 400");
  EXPECT_EQ(Told(WithResult(0, false, "")), "failed: the agent reported a failure");
  EXPECT_EQ(Judge(WithResult(0, false, "API Error: 400")).output, std::nullopt);
}

TEST(Judge, MissesTheResultOfAnAgentThatHasOne) {
  Facts facts = Exited(0);
  facts.has_terminal_event = true;
  EXPECT_EQ(Told(facts), As(RunError::kNoResult));
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
  const std::string told = As(RunError::kOutOfMemory, "memory limit 4 GiB, peak 4.0 GiB");
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
  EXPECT_EQ(Told(facts), As(RunError::kAgentExited, "3"));
  // Somebody else killed it.
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  facts.usage->oom_kills = 0;
  EXPECT_EQ(Told(facts), As(RunError::kAgentKilled, "signal 9 (SIGKILL)"));
}

TEST(Judge, NamesTheErrorWhenThereIsNoSandbox) {
  Facts facts;
  facts.exit = Fail(Code::kSandboxUnavailable, "no user namespaces here");
  EXPECT_EQ(Told(facts), "failed: no user namespaces here");
  EXPECT_EQ(Judge(facts).error_code, "SANDBOX_UNAVAILABLE");
  facts.exit = Fail(Code::kIo, "no such file");
  EXPECT_EQ(Judge(facts).error_code, "NOT_STARTED");
}

// The whole table of docs/runs.md: who ended the agent, what it said, how it exited.
TEST(Judge, WeighsWhoEndedItWhatItSaidAndHowItExited) {
  enum Said { kNothing, kSuccess, kFailure };
  struct Row {
    EndedBy ended_by;
    Said before;             // its last word when vm0 ended it
    Said said;               // its last word of all
    const char* by_exit[3];  // code 0, code 3, SIGKILL
  };
  const char* const done = "completed";
  const char* const own = "AGENT_FAILED";
  const Row rows[] = {
      {EndedBy::kNobody, kNothing, kNothing, {"NO_RESULT", "AGENT_EXITED", "AGENT_KILLED"}},
      {EndedBy::kNobody, kNothing, kSuccess, {done, "AGENT_EXITED", "AGENT_KILLED"}},
      {EndedBy::kNobody, kNothing, kFailure, {own, own, own}},
      {EndedBy::kHungAfterResult, kSuccess, kSuccess, {done, done, done}},
      {EndedBy::kHungAfterResult, kFailure, kFailure, {own, own, own}},
      {EndedBy::kHungAfterResult, kSuccess, kFailure, {done, done, done}},
      {EndedBy::kCancel, kNothing, kNothing, {"CANCELLED", "CANCELLED", "CANCELLED"}},
      {EndedBy::kCancel, kNothing, kSuccess, {"CANCELLED", "CANCELLED", "CANCELLED"}},
      {EndedBy::kCancel, kNothing, kFailure, {"CANCELLED", "CANCELLED", "CANCELLED"}},
      {EndedBy::kCancel, kSuccess, kSuccess, {done, done, done}},
      {EndedBy::kCancel, kSuccess, kFailure, {done, done, done}},
      {EndedBy::kCancel, kFailure, kFailure, {own, own, own}},
      {EndedBy::kCancel, kFailure, kSuccess, {own, own, own}},
      {EndedBy::kTimeout, kNothing, kNothing, {"TIMEOUT", "TIMEOUT", "TIMEOUT"}},
      {EndedBy::kTimeout, kNothing, kSuccess, {"TIMEOUT", "TIMEOUT", "TIMEOUT"}},
      {EndedBy::kTimeout, kSuccess, kSuccess, {done, done, done}},
      {EndedBy::kTimeout, kFailure, kFailure, {own, own, own}},
      {EndedBy::kIdleTimeout, kNothing, kNothing, {"IDLE_TIMEOUT", "IDLE_TIMEOUT", "IDLE_TIMEOUT"}},
      {EndedBy::kIdleTimeout, kSuccess, kSuccess, {done, done, done}},
      {EndedBy::kSpoolFull, kNothing, kNothing, {"SPOOL_FULL", "SPOOL_FULL", "SPOOL_FULL"}},
      {EndedBy::kSpoolFull, kSuccess, kSuccess, {"SPOOL_FULL", "SPOOL_FULL", "SPOOL_FULL"}},
      {EndedBy::kDiskLimit, kNothing, kNothing, {"DISK_LIMIT", "DISK_LIMIT", "DISK_LIMIT"}},
      {EndedBy::kDiskLimit, kSuccess, kSuccess, {"DISK_LIMIT", "DISK_LIMIT", "DISK_LIMIT"}},
      {EndedBy::kRefused,
       kSuccess,
       kSuccess,
       {"EVENTS_REFUSED", "EVENTS_REFUSED", "EVENTS_REFUSED"}},
  };
  const auto outcome = [](Said said) -> std::optional<agent::Outcome> {
    if (said == kNothing) return std::nullopt;
    return agent::Outcome{said == kSuccess, said == kSuccess ? "42" : "API Error: 400"};
  };
  const os::ExitStatus exits[] = {{.code = 0, .signal = 0}, {.code = 3, .signal = 0}, {0, 9}};
  int number = 0;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < std::size(exits); ++i) {
      SCOPED_TRACE("row " + std::to_string(number) + ", exit " + std::to_string(i));
      Facts facts;
      facts.has_terminal_event = true;
      facts.ended_by = row.ended_by;
      facts.outcome_before = outcome(row.before);
      facts.outcome = outcome(row.said);
      facts.exit = exits[i];
      const Judgement judged = Judge(facts);
      EXPECT_EQ(judged.error_code.value_or(judged.status), row.by_exit[i]);
      EXPECT_EQ(judged.reason.has_value(), judged.error_code.has_value());
      const Said counts = row.before == kNothing ? row.said : row.before;
      EXPECT_EQ(judged.output.has_value(), counts == kSuccess) << "what it said is given anyway";
      EXPECT_EQ(judged.signal.has_value(), exits[i].signal != 0);
      EXPECT_EQ(judged.exit_code.has_value(), exits[i].signal == 0);
    }
    ++number;
  }
}

TEST(Judge, TellsWhatWeEndedItFor) {
  Facts facts;
  facts.exit = os::ExitStatus{.code = 0, .signal = 9};
  facts.detail = "30m";
  const std::map<EndedBy, std::string> expected = {
      {EndedBy::kCancel, As(RunError::kCancelled)},
      {EndedBy::kTimeout, As(RunError::kTimeout, "30m")},
      {EndedBy::kIdleTimeout, As(RunError::kIdleTimeout, "30m")},
      {EndedBy::kSpoolFull, As(RunError::kSpoolFull, "30m")},
      {EndedBy::kDiskLimit, As(RunError::kDiskLimit, "30m")},
      {EndedBy::kRefused, As(RunError::kEventsRefused, "30m")}};
  for (const auto& [reason, told] : expected) {
    facts.ended_by = reason;
    EXPECT_EQ(Told(facts), told);
    EXPECT_TRUE(told.contains(DescribeEnding(reason, "30m"))) << told;
  }
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
