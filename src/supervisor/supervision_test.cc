// SPDX-License-Identifier: Apache-2.0
#include "supervisor/supervision.h"

#include "supervisor/supervision_fixture.h"

namespace vm0::supervisor {
namespace {

// A line of Claude Code's.
constexpr const char* kResult =
    R"(echo '{"type":"result","subtype":"success","is_error":false,"result":"42"}')";

class ProtocolRowRun : public SupervisionTest {};

TEST_F(ProtocolRowRun, AgentExits_ItsOutputComesInOrderAndThenItsEnd) {
  EXPECT_EQ(
      RunAgent("echo plain; echo '{\"type\":\"x\",\"n\":1}'; echo; printf unterminated; exit 0"),
      (std::vector<std::string>{"stdout {\"type\":\"stdout\",\"text\":\"plain\"}",
                                "agent {\"type\":\"x\",\"n\":1}",
                                "stdout {\"type\":\"stdout\",\"text\":\"unterminated\"}"}));
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(api.end->at("exitCode").as_int64(), 0);
  EXPECT_EQ(api.end->at("lastSequence").as_int64(), 3);
  EXPECT_EQ(ended, Supervision::End::kAcknowledged);
  EXPECT_TRUE(IsForgotten());
}

TEST_F(ProtocolRowRun, AgentExits_WithACodeOfItsOwn) {
  EXPECT_EQ(RunAgent("echo oops >&2; exit 3"),
            std::vector<std::string>{"stderr {\"type\":\"stderr\",\"text\":\"oops\"}"});
  EXPECT_EQ(Told(), As(RunError::kAgentExited, "3"));
}

TEST_F(ProtocolRowRun, AgentExits_WithAResult) {
  run.spec.dialect = "claude-code";
  RunAgent(R"(echo '{"type":"result","subtype":"success","is_error":false,"result":"42"}')");
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(api.end->at("output").as_string(), "42");
}

TEST_F(ProtocolRowRun, AgentExits_WithoutTheResultThatItOwes) {
  run.spec.dialect = "claude-code";
  RunAgent("echo '{\"type\":\"system\"}'");
  EXPECT_EQ(Told(), As(RunError::kNoResult));
}

TEST_F(ProtocolRowRun, AgentKilled_NamesTheSignal) {
  RunAgent("echo x; kill -9 $$");
  EXPECT_EQ(Told(), As(RunError::kAgentKilled, "signal 9 (SIGKILL)"));
  EXPECT_EQ(api.end->at("signal").as_int64(), 9);
}

TEST_F(ProtocolRowRun, AgentLeavesChildren_TheyDieAndWhatTheyPrintedIsKept) {
  const auto events = RunAgent(
      "mkfifo f; setsid sh -c 'trap \"\" INT TERM; echo child; echo >f; sleep 1000' & read x <f; "
      "echo parent");
  EXPECT_EQ(events, (std::vector<std::string>{"stdout {\"type\":\"stdout\",\"text\":\"child\"}",
                                              "stdout {\"type\":\"stdout\",\"text\":\"parent\"}"}));
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(Leftovers(), 0);
}

TEST_F(ProtocolRowRun, LaunchFails_NamesTheFile) {
  run.spec.command = {"/nowhere/agent"};
  Start();
  AwaitEnd();
  EXPECT_EQ(Told(), "failed: execute /nowhere/agent: No such file or directory");
  EXPECT_EQ(ended, Supervision::End::kAcknowledged);
}

TEST_F(ProtocolRowRun, LaunchFails_WithoutTheProgramOfTheProvider) {
  run.spec.provider = run.spec.dialect = "claude-code";
  Start();
  AwaitEnd();
  EXPECT_TRUE(Told().starts_with("failed: claude: not found in /usr/bin:/bin: install Claude Code"))
      << Told();
}

TEST_F(ProtocolRowRun, LaunchFails_WithoutTheSandbox) {
  run.spec.sandbox = "firecracker";
  RunAgent("echo never");
  EXPECT_EQ(Told(), "failed: sandbox \"firecracker\" is not available here");
}

TEST_F(ProtocolRowRun, StartUnanswered_NoAnswerNoAgent) {
  api.Close();
  Agent("echo >$HOME/ran");
  Start();
  for (int hour = 0; hour < 24; ++hour) Advance(Seconds(3600));
  EXPECT_FALSE(ended);
  EXPECT_FALSE(std::filesystem::exists(dir.home() / "ran"));
  api.Listen();
  AdvanceUntil([&] { return api.Count("start") == 1; }, Seconds(30));
  AwaitEnd();
  EXPECT_TRUE(std::filesystem::exists(dir.home() / "ran"));
}

TEST_F(ProtocolRowRun, StartSuperseded_ExecutesNothing) {
  api.intercept = [](const std::string&) { return TestApi::Refusal(410, "SUPERSEDED", 0); };
  RunAgent("echo >$HOME/ran");
  EXPECT_EQ(ended, Supervision::End::kDisowned);
  EXPECT_EQ(api.requests, std::vector<std::string>{"start"});
  EXPECT_FALSE(std::filesystem::exists(dir.home() / "ran"));
}

TEST_F(ProtocolRowRun, StartEnded_ExecutesNothing) {
  api.intercept = [](const std::string&) { return TestApi::Refusal(410, "RUN_ENDED", 0); };
  RunAgent("echo >$HOME/ran");
  EXPECT_EQ(ended, Supervision::End::kDisowned);
  EXPECT_FALSE(std::filesystem::exists(dir.home() / "ran"));
}

TEST_F(ProtocolRowRun, StartRepeated_AfterALostAnswer) {
  int tries = 0;
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request == "start" && ++tries == 1) return TestApi::Refusal(500, "", 0);
    return std::nullopt;
  };
  Agent("echo ran");
  Start();
  AdvanceUntil([&] { return tries == 2; });
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowRun, CancelUnstarted_BySigtermExecutesNothing) {
  api.Close();
  Agent("echo >$HOME/ran");
  Start();
  Advance(Seconds(5));
  supervision->Cancel();
  api.Listen();
  AdvanceUntil([&] { return ended.has_value(); });
  EXPECT_EQ(Told(), "cancelled: the run was cancelled before its agent was started");
  EXPECT_FALSE(std::filesystem::exists(dir.home() / "ran"));
}

TEST_F(ProtocolRowRun, CancelStarted_InterruptsTheAgent) {
  Agent("trap 'echo interrupted; exit 0' INT; echo ready; while :; do sleep 0.1; done");
  Start();
  AwaitEvents(1);
  supervision->Cancel();
  supervision->Cancel();
  AwaitEnd();
  EXPECT_EQ(Told(), "cancelled: the run was cancelled");
  const auto events = api.events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_TRUE(events[1].starts_with("vm0 {\"type\":\"vm0\",\"event\":\"cancel\"")) << events[1];
  EXPECT_EQ(events[2], "stdout {\"type\":\"stdout\",\"text\":\"interrupted\"}");
}

TEST_F(ProtocolRowRun, CancelEscalates_ToSigtermAndThenTheTree) {
  Agent("trap 'echo int' INT; trap 'echo term' TERM; echo ready; while :; do sleep 0.01; done");
  Start();
  AwaitEvents(1);
  supervision->Cancel();
  const auto says = [this](const char* word) {
    const std::string event = "stdout {\"type\":\"stdout\",\"text\":\"" + std::string(word) + "\"}";
    const auto events = api.events();
    return std::find(events.begin(), events.end(), event) != events.end();
  };
  PumpUntil([&] { return says("int"); });
  Advance(Seconds(9));
  EXPECT_FALSE(says("term"));
  Advance(Seconds(1));
  PumpUntil([&] { return says("term"); });
  Advance(Seconds(4));
  EXPECT_FALSE(ended);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), "cancelled: the run was cancelled");
  EXPECT_EQ(Leftovers(), 0);
}

TEST_F(ProtocolRowRun, ControlLater_CancelsByTheStream) {
  Agent(kObedient);
  Start();
  AwaitEvents(1);
  PumpUntil([&] { return api.control_open == 1; });
  api.SendControl("cancel");
  AwaitEnd();
  EXPECT_EQ(Told(), "cancelled: the run was cancelled");
}

TEST_F(ProtocolRowRun, ControlLater_TheStreamIsOpenedAgain) {
  Agent(kObedient);
  Start();
  AwaitEvents(1);
  PumpUntil([&] { return api.control_open == 1; });
  api.Close();
  api.Listen();
  AdvanceUntil([&] { return api.control_open == 1; }, Millis(100));
  api.SendControl("cancel");
  AwaitEnd();
  EXPECT_EQ(Told(), "cancelled: the run was cancelled");
}

TEST_F(ProtocolRowRun, HeartbeatAlive_TellsTheCancelAndNotesTheTime) {
  api.intercept = [](const std::string& request) -> std::optional<http::Response> {
    if (request == "control") return TestApi::Refusal(503, "UNAVAILABLE", 0);
    return std::nullopt;
  };
  Agent(kObedient);
  Start();
  AwaitEvents(1);
  Advance(Seconds(10));
  EXPECT_EQ(api.Count("heartbeat"), 1u);
  EXPECT_EQ(dir.ReadElapsed(), Seconds(10));
  api.cancel_in_heartbeat = true;
  Advance(Seconds(10));
  AwaitEnd();
  EXPECT_EQ(Told(), "cancelled: the run was cancelled");
  EXPECT_EQ(api.end->at("executionTimeMs").as_int64(), 20'000);
}

TEST_F(ProtocolRowRun, HeartbeatEnded_KillsTheTree) {
  Agent("trap '' INT TERM; echo ready; sleep 1000");
  Start();
  AwaitEvents(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(410, "SUPERSEDED", 0); };
  Advance(Seconds(10));
  AwaitEnd();
  EXPECT_EQ(ended, Supervision::End::kDisowned);
  EXPECT_EQ(Leftovers(), 0);
  EXPECT_TRUE(std::filesystem::exists(dir.spool()));
  EXPECT_EQ(api.Count("complete"), 0u);
}

TEST_F(ProtocolRowRun, EventsSuperseded_KillsTheTreeAndKeepsTheSpool) {
  api.intercept = [](const std::string& request) -> std::optional<http::Response> {
    if (!request.starts_with("events")) return std::nullopt;
    return TestApi::Refusal(410, "SUPERSEDED", 0);
  };
  RunAgent("echo ready; sleep 1000");
  EXPECT_EQ(ended, Supervision::End::kDisowned);
  EXPECT_EQ(Leftovers(), 0);
  EXPECT_TRUE(std::filesystem::exists(dir.spool()));
  EXPECT_EQ(api.Count("complete"), 0u);
}

TEST_F(ProtocolRowRun, EventsMismatch_FailsTheRun) {
  api.intercept = [](const std::string& request) -> std::optional<http::Response> {
    if (!request.starts_with("events")) return std::nullopt;
    return TestApi::Refusal(409, "EVENT_MISMATCH", 0);
  };
  RunAgent("echo ready; sleep 1000");
  EXPECT_EQ(Told(), As(RunError::kEventsRefused, "refused by the test"));
  EXPECT_EQ(api.end->at("lastSequence").as_int64(), 0);
  EXPECT_FALSE(api.end->at("outputComplete").as_bool());
}

TEST_F(ProtocolRowRun, EventsGap_IsResentWithoutLoss) {
  Agent("echo 1; echo 2; read x <go; echo 3");
  ASSERT_EQ(::mkfifo((dir.workspace() / "go").c_str(), 0666), 0);
  ::chmod((dir.workspace() / "go").c_str(), 0666);
  Start();
  AwaitEvents(2);
  api.records.resize(1);
  const os::Fd go(::open((dir.workspace() / "go").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(os::WriteAll(go.get(), "\n"));
  AwaitEnd();
  EXPECT_EQ(api.records.size(), 3u);
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowRun, CancelTooLate_TheAgentHadEndedByItself) {
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request == "complete") supervision->Cancel();
    return std::nullopt;
  };
  RunAgent("echo done");
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowRun, AgentHangsAfterResult_IsEndedAndJudgedByItsResult) {
  run.spec.dialect = "claude-code";
  Agent(std::string("trap '' INT TERM; ") + kResult + "; while :; do sleep 0.05; done");
  Start();
  AwaitEvents(1);
  Advance(Seconds(9));
  EXPECT_EQ(api.records.size(), 1u);
  Advance(Seconds(1));
  AwaitEvents(2);
  Advance(Seconds(4));
  EXPECT_FALSE(ended);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(api.end->at("output").as_string(), "42");
  EXPECT_EQ(
      api.events().back(),
      "vm0 {\"type\":\"vm0\",\"event\":\"hung_after_result\",\"message\":\"the agent gave its "
      "result, then printed nothing for 10s and did not exit: it is ended\"}");
  EXPECT_EQ(Leftovers(), 0);
}

TEST_F(ProtocolRowRun, AgentHangsAfterResult_AFailureStaysOne) {
  run.spec.dialect = "claude-code";
  Agent(
      "trap 'exit 0' TERM; echo '{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,"
      "\"result\":\"API Error: 400\"}'; while :; do sleep 0.05; done");
  Start();
  AwaitEvents(1);
  Advance(AgentRun::kResultPatience);
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kAgentFailed, "API Error: 400"));
  EXPECT_EQ(api.end->at("exitCode").as_int64(), 0) << "SIGTERM comes before the tree is killed";
}

TEST_F(ProtocolRowRun, AgentHangsAfterResult_CountedFromItsLastOutput) {
  run.spec.dialect = "claude-code";
  Agent(std::string(kResult) + "; read x <go; echo more >&2; sleep 1000");
  const os::Fd go = MakeGate("go");
  Start();
  AwaitEvents(1);
  Advance(Seconds(9));
  ASSERT_TRUE(os::WriteAll(go.get(), "\n"));
  AwaitEvents(2);
  Advance(Seconds(9));
  EXPECT_EQ(api.records.size(), 2u);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowRun, AgentHangsAfterResult_AlsoWhereTheResultIsAnUnfinishedLine) {
  run.spec.dialect = "claude-code";
  Agent(R"(printf '{"type":"result","subtype":"success","is_error":false,"result":"42"}';)"
        " exec >&- 2>&-; sleep 1000");
  Start();
  AwaitEvents(1);
  Advance(AgentRun::kResultPatience);
  AwaitEvents(2);
  EXPECT_TRUE(api.events().back().contains("hung_after_result")) << api.events().back();
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowRun, AgentHangsAfterResult_NotWhileItWorksInTheBackground) {
  run.spec.dialect = "claude-code";
  run.spec.limits.idle_timeout = Seconds(600);
  Agent(
      "echo "
      "'{\"type\":\"system\",\"subtype\":\"background_tasks_changed\",\"tasks\":[{\"task_type\":"
      "\"local_agent\"}]}'; " +
      std::string(kResult) + "; sleep 1000");
  Start();
  AwaitEvents(2);
  Advance(Seconds(599));
  EXPECT_FALSE(ended);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kIdleTimeout, "10m"));
}

TEST_F(ProtocolRowRun, AgentHangsAfterResult_NotInAnotherTurn) {
  run.spec.dialect = "claude-code";
  Agent(std::string(kResult) + "; echo '{\"type\":\"system\",\"subtype\":\"init\"}'; read x <go; " +
        kResult);
  const os::Fd go = MakeGate("go");
  Start();
  AwaitEvents(2);
  Advance(Seconds(60));
  EXPECT_FALSE(ended);
  ASSERT_TRUE(os::WriteAll(go.get(), "\n"));
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(api.records.size(), 3u);
}

TEST_F(ProtocolRowRun, StdoutClosed_IsToldAndTheTimeoutsHold) {
  run.spec.limits.idle_timeout = Seconds(300);
  Agent("echo last; exec >&- 2>&-; echo >closed; sleep 1000");
  const os::Fd closed = MakeGate("closed");
  Start();
  AwaitEvents(1);
  AwaitWord(closed);
  Advance(AgentRun::kClosedPatience);
  AwaitEvents(2);
  EXPECT_TRUE(api.events().back().contains("\"event\":\"stdout_closed\"")) << api.events().back();
  Advance(Seconds(289));
  EXPECT_FALSE(ended);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kIdleTimeout, "5m"));
  EXPECT_EQ(Leftovers(), 0);
}

TEST_F(ProtocolRowRun, StdoutClosed_AnAgentThatEndsSoonAfterIsJudgedAsAlways) {
  EXPECT_EQ(RunAgent("echo last; exec >&- 2>&-; exit 3").size(), 1u);
  EXPECT_EQ(Told(), As(RunError::kAgentExited, "3"));
}

TEST_F(ProtocolRowRun, CancelTooLate_ItsFailureHadBeenPrinted) {
  run.spec.dialect = "claude-code";
  Agent(
      "trap 'exit 0' INT; echo '{\"type\":\"result\",\"subtype\":\"error_max_turns\"}'; while :; "
      "do "
      "sleep 0.05; done");
  Start();
  AwaitEvents(1);
  supervision->Cancel();
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kAgentFailed, "Reached the maximum number of turns"));
}

TEST_F(ProtocolRowRun, CancelTooLate_ItsSuccessHadBeenPrinted) {
  run.spec.dialect = "claude-code";
  Agent(
      "trap 'exit 5' INT; echo "
      "'{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"42\"}'; "
      "while :; do sleep 0.05; done");
  Start();
  AwaitEvents(1);
  supervision->Cancel();
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
}

}  // namespace
}  // namespace vm0::supervisor
