// SPDX-License-Identifier: Apache-2.0
#include "supervisor/supervision.h"

#include "supervisor/supervision_fixture.h"

namespace vm0::supervisor {
namespace {

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
  EXPECT_EQ(Told(), "failed: the agent exited with code 3");
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
  EXPECT_EQ(Told(), "failed: the agent ended without a result");
}

TEST_F(ProtocolRowRun, AgentKilled_NamesTheSignal) {
  RunAgent("echo x; kill -9 $$");
  EXPECT_EQ(Told(), "failed: the agent was killed by signal 9 (SIGKILL)");
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
  EXPECT_EQ(Told(), "failed: the server refused the run's events: refused by the test");
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
