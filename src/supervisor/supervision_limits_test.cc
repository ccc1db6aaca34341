// SPDX-License-Identifier: Apache-2.0
#include <sys/file.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/text.h"
#include "supervisor/supervision_fixture.h"

namespace vm0::supervisor {
namespace {

class ProtocolRowLimits : public SupervisionTest {};

TEST_F(ProtocolRowLimits, RunTimeout_KillsTheTree) {
  run.spec.limits.timeout = Seconds(1800);
  Agent("trap '' INT TERM; echo ready; sleep 1000");
  Start();
  AwaitEvents(1);
  Advance(Seconds(1799));
  EXPECT_FALSE(ended);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kTimeout, "30m"));
  EXPECT_EQ(
      api.events().back(),
      "vm0 {\"type\":\"vm0\",\"event\":\"timeout\",\"message\":\"the run took longer than its "
      "timeout of 30m\"}");
}

TEST_F(ProtocolRowLimits, RunTimeout_HoldsWhileTheServerIsAway) {
  run.spec.limits.timeout = Seconds(60);
  Agent("echo ready; sleep 1000");
  Start();
  AwaitEvents(1);
  api.Close();
  Advance(Seconds(60));
  PumpUntil([&] { return Leftovers() == 0; });
  api.Listen();
  AdvanceUntil([&] { return ended.has_value(); });
  EXPECT_TRUE(Told().starts_with("timeout: ")) << Told();
}

TEST_F(ProtocolRowLimits, RunTimeout_IsAnHourUnlessNamed) {
  Agent("echo ready; sleep 10000");
  run.spec.limits.idle_timeout = Seconds(7200);
  Start();
  AwaitEvents(1);
  Advance(agent::kDefaultTimeout);
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kTimeout, "1h"));
}

TEST_F(ProtocolRowLimits, NamedLimitUnheld_NothingIsStarted) {
  run.spec.limits.memory_bytes = 1 << 30;  // sandbox none holds no limit
  const auto events = RunAgent("echo ran");
  EXPECT_EQ(events.size(), 0u);
  EXPECT_EQ(Told(),
            "failed: limits.memory can't be enforced with sandbox none on this machine: remove it "
            "from the config");
  EXPECT_EQ(StringMember(*api.end, "errorCode"), "SANDBOX_UNAVAILABLE");
}

TEST_F(ProtocolRowLimits, DiskLimit_KillsTheTree) {
  run.spec.sandbox = "bubblewrap";
  run.spec.network = "none";
  run.spec.limits.disk_bytes = 8 << 20;
  // The limit of one file does not stop it.
  Agent("head -c 5000000 /dev/zero >a; head -c 5000000 /dev/zero >~/b; echo full; sleep 1000");
  Start();
  AwaitEvents(1);
  AdvanceUntil([&] { return HasLogged("disk limit"); });
  AwaitEnd();
  EXPECT_EQ(Told(),
            As(RunError::kDiskLimit, "the run's files take more than the disk limit of 8 MiB"));
  EXPECT_EQ(
      api.events().back(),
      "vm0 {\"type\":\"vm0\",\"event\":\"disk_limit\",\"message\":\"the run's files take more "
      "than the disk limit of 8 MiB\"}");
  const auto peak = IntField(*ObjectMember(*api.end, "usage"), "diskPeakBytes");
  EXPECT_GE(peak->value_or(0), 10'000'000);
}

TEST_F(ProtocolRowLimits, DiskLimit_StopsOneFile) {
  run.spec.sandbox = "bubblewrap";
  run.spec.network = "none";
  run.spec.limits.disk_bytes = 4 << 20;
  RunAgent("(head -c 9000000 /dev/zero >a) 2>/dev/null; stat -c %s a");
  EXPECT_EQ(api.events().back(), "stdout {\"type\":\"stdout\",\"text\":\"4194304\"}");
}

TEST_F(ProtocolRowLimits, IdleTimeout_IsCountedFromTheLastOutput) {
  run.spec.limits.idle_timeout = Seconds(300);
  ASSERT_EQ(::mkfifo((dir.workspace() / "go").c_str(), 0666), 0);
  ::chmod((dir.workspace() / "go").c_str(), 0666);
  Agent("echo ready; read x <go; echo again >&2; sleep 1000");
  Start();
  AwaitEvents(1);
  Advance(Seconds(299));
  const os::Fd go(::open((dir.workspace() / "go").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(os::WriteAll(go.get(), "\n"));
  AwaitEvents(2);
  Advance(Seconds(299));
  EXPECT_FALSE(ended);
  Advance(Seconds(1));
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kIdleTimeout, "5m"));
}

TEST_F(ProtocolRowLimits, Unauthorized10Min_KillsTheTreeAndKeepsTheSpool) {
  Agent("echo ready; sleep 1000");
  Start();
  AwaitEvents(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(401, "UNAUTHORIZED", 0); };
  for (int i = 0; i < 59; ++i) Advance(Seconds(10));
  EXPECT_FALSE(ended);
  for (int i = 0; i < 5; ++i) Advance(Seconds(10));
  AwaitEnd();
  EXPECT_EQ(ended, Supervision::End::kDisowned);
  EXPECT_EQ(Leftovers(), 0);
  EXPECT_TRUE(std::filesystem::exists(dir.spool()));
}

TEST_F(ProtocolRowLimits, LineTooLong_IsCutAndTheRunGoesOn) {
  run.spec.line_limit_bytes = 1 << 20;
  const auto events = RunAgent("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after");
  ASSERT_EQ(events.size(), 2u);
  const auto cut = ParseJsonObject(events[0].substr(4), "event");
  ASSERT_TRUE(events[0].starts_with("vm0 "));
  EXPECT_EQ(cut->at("event").as_string(), "line_cut");
  EXPECT_EQ(cut->at("length").as_int64(), 3'000'000);
  EXPECT_EQ(cut->at("text").as_string(), std::string(64 << 10, 'x'));
  EXPECT_EQ(events[1], "stdout {\"type\":\"stdout\",\"text\":\"after\"}");
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowLimits, LineTooLong_HidesASecretThatTheCutGoesThrough) {
  run.spec.line_limit_bytes = 200'000;
  api.secrets = {{"TOKEN", "0123456789abcdefghij"}};
  const auto events =
      RunAgent("head -c 65526 /dev/zero | tr '\\0' x; printf %s $TOKEN; head -c 300000 /dev/zero");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].find("0123"), std::string::npos);
  EXPECT_NE(events[0].find("xxx***\""), std::string::npos);
}

TEST_F(ProtocolRowLimits, SpoolFull_EndsTheRunAndSaysSo) {
  run.spec.spool_limit_bytes = 128 << 10;
  Agent("while :; do echo 0123456789012345678901234567890123456789; done");
  Start();
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kSpoolFull, "128 KiB"));
  const auto events = api.events();
  EXPECT_NE(events.back().find("\"event\":\"spool_full\""), std::string::npos) << events.back();
  EXPECT_GT(events.size(), 1000u);
  EXPECT_LT(events.size(), 2500u) << "nothing is kept after it";
}

TEST_F(ProtocolRowLimits, DiskFullSpool_LosesNothingAndTellsOfTheWait) {
  Agent("read x <go; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
  ASSERT_EQ(::mkfifo((dir.workspace() / "go").c_str(), 0666), 0);
  ::chmod((dir.workspace() / "go").c_str(), 0666);
  rlimit saved{};
  ::getrlimit(RLIMIT_FSIZE, &saved);
  Start();
  PumpUntil([&] { return api.control_open == 1; });
  const os::Fd go(::open((dir.workspace() / "go").c_str(), O_WRONLY | O_CLOEXEC));
  rlimit tight = saved;
  tight.rlim_cur = 50'000;
  ::setrlimit(RLIMIT_FSIZE, &tight);
  ASSERT_TRUE(os::WriteAll(go.get(), "\n"));
  PumpUntil([&] { return HasLogged("waiting for room"); });
  Advance(Seconds(5));
  EXPECT_FALSE(ended);
  const auto before = api.records.size();
  EXPECT_LT(before, 2000u);
  ::setrlimit(RLIMIT_FSIZE, &saved);
  AdvanceUntil([&] { return api.records.size() > before; });
  AwaitEnd();
  auto events = api.events();
  const auto told = std::ranges::find_if(
      events, [](const std::string& event) { return event.contains("\"disk_full\""); });
  ASSERT_NE(told, events.end());
  EXPECT_TRUE(told->starts_with(
      "vm0 {\"type\":\"vm0\",\"event\":\"disk_full\",\"message\":\"the run's spool could not be "
      "written for "))
      << *told;
  events.erase(told);
  ASSERT_EQ(events.size(), 20'000u);
  EXPECT_EQ(events.back(), "stdout {\"type\":\"stdout\",\"text\":\"line 19999\"}");
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowLimits, ServerAwayAtEnd_TheEndWaitsInTheSpool) {
  Agent("read x <go; echo last");
  ASSERT_EQ(::mkfifo((dir.workspace() / "go").c_str(), 0666), 0);
  ::chmod((dir.workspace() / "go").c_str(), 0666);
  Start();
  PumpUntil([&] { return api.control_open == 1; });
  api.Close();
  const os::Fd go(::open((dir.workspace() / "go").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(os::WriteAll(go.get(), "\n"));
  PumpUntil([&] { return HasLogged("the agent has ended"); });
  for (int hour = 0; hour < 10; ++hour) Advance(Seconds(3600));
  EXPECT_FALSE(ended);
  api.Listen();
  AdvanceUntil([&] { return ended.has_value(); }, Seconds(30));
  EXPECT_EQ(api.events().back(), "stdout {\"type\":\"stdout\",\"text\":\"last\"}");
  EXPECT_EQ(ended, Supervision::End::kAcknowledged);
}

TEST_F(ProtocolRowLimits, SecretsNeverReachTheSpool) {
  api.secrets = {{"TOKEN", "hunter2-\"quoted\""}, {"SHORT", "ab"}};
  const auto events = RunAgent(
      "echo plain $TOKEN; echo \"{\\\"a\\\":\\\"hunter2-\\\\\\\"quoted\\\\\\\"\\\"}\"; echo $TOKEN "
      ">&2");
  std::vector<std::string> sorted = events;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, (std::vector<std::string>{
                        "agent {\"a\":\"***\"}", "stderr {\"type\":\"stderr\",\"text\":\"***\"}",
                        "stdout {\"type\":\"stdout\",\"text\":\"plain ***\"}"}));
}

TEST_F(ProtocolRowLimits, TheAgentHasExactlyItsEnvironment) {
  run.spec.environment = {{"MINE", "1"}, {"TERM", "vt100"}, {"BOTH", "mine"}};
  api.secrets = {{"KEY", "x"}, {"BOTH", "secret-one"}};
  run.spec.command = {"/usr/bin/env", "-u",         "HOME", "-u",   "TMPDIR",
                      "-u",           "VM0_PROMPT", "-u",   "PATH", "env"};
  run.spec.prompt = "-0";
  Start();
  AwaitEnd();
  ASSERT_EQ(api.records.size(), 1u);
  const auto event = ParseJsonObject(api.events()[0].substr(7), "event");
  const std::string text(event->at("text").as_string());
  auto lines = Split(text, '\0');
  std::sort(lines.begin(), lines.end());
  std::erase(lines, "");
  EXPECT_EQ(lines, (std::vector<std::string_view>{
                       "BOTH=***", "KEY=x", "LANG=C.UTF-8", "LOGNAME=agent", "MINE=1", "TERM=vt100",
                       "USER=agent", "VM0_RUN_ID=0193a0c0-0000-7000-8000-000000000001"}));
}

TEST_F(ProtocolRowLimits, AUsersFolderHasOneRunAtATime) {
  TestFolder users;
  run.spec.workspace = {agent::Workspace::Mode::kReadWrite, users.path()};
  const os::Fd other(::open(users.path().c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  RunAgent("echo never");
  EXPECT_EQ(Told(), "failed: another run works in " + users.path().native() +
                        " (:rw): wait for its end, or use :copy");
}

TEST_F(ProtocolRowLimits, AUsersFolderIsWorkedOnInPlace) {
  TestFolder users;
  run.spec.workspace = {agent::Workspace::Mode::kReadWrite, users.path()};
  RunAgent("echo hi >made");
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(*os::ReadFile(users.path() / "made"), "hi\n");
}

}  // namespace
}  // namespace vm0::supervisor
