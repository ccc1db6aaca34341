// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>

#include "os/process.h"
#include "supervisor/supervisor.h"
#include "supervisor/test_world.h"

namespace vm0::supervisor {
namespace {

// The supervisor as a process of its own, on the machine's clock.
class ProtocolRowProcess : public TestWorld {
 protected:
  void TearDown() override {
    if (child.pidfd.is_open()) (void)os::SignalPidFd(child.pidfd.get(), SIGKILL);
  }
  void Start(const std::string& script) {
    run.spec.command = {"/bin/sh", "-c", script, "agent"};
    run.spec.prompt = "the-secret-prompt";
    EXPECT_TRUE(os::WriteFileAtomic(dir.spec(), FormatStoredRun(run, agent::ToJson(run.spec))));
    EXPECT_TRUE(os::WriteFileAtomic(dir.token(), "vm0_run_the-token"));
    StartProcess();
  }
  void StartProcess() {
    const os::Fd log_file(
        ::open(dir.log().c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600));
    const os::SpawnOptions options{.executable = "/proc/self/exe",
                                   .argv = {"vm0", "supervise", dir.path()},
                                   .environment = {{"PATH", "/usr/bin:/bin"}},
                                   .directory = "/",
                                   .descriptors = {{1, log_file.get()}, {2, log_file.get()}},
                                   .new_session = true};
    auto spawned = os::Spawn(options);
    ASSERT_TRUE(spawned) << spawned.error().message;
    child = std::move(*spawned);
  }
  bool HasEnded() {
    pollfd ended{child.pidfd.get(), POLLIN, 0};
    return ::poll(&ended, 1, 0) == 1;
  }
  int ExitCode() {
    while (!HasEnded()) loop.run_one_for(std::chrono::milliseconds(20));
    child.pidfd.Close();
    return os::Wait(child.pid)->shell_code();
  }
  // A pipe that the agent holds open: its end is the end of the whole tree.
  os::Fd MakeHeldPipe() {
    const auto path = dir.workspace() / "held";
    EXPECT_EQ(::mkfifo(path.c_str(), 0666), 0);
    ::chmod(path.c_str(), 0666);
    return os::Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  static void AwaitEnd(const os::Fd& pipe) {
    for (char buffer[100];;) {
      pollfd ready{pipe.get(), POLLIN, 0};
      ASSERT_EQ(::poll(&ready, 1, 20'000), 1) << "somebody still holds the pipe";
      if (::read(pipe.get(), buffer, sizeof buffer) <= 0) return;
    }
  }
  std::string LogText() { return os::ReadFile(dir.log()).value_or(""); }

  os::Child child;
};

TEST_F(ProtocolRowProcess, AgentExits_EndsTheSupervisorAndTellsNoSecretInItsLog) {
  api.secrets = {{"KEY", "the-secret-value"}};
  Start("echo $KEY; [ $VM0_PROMPT = the-secret-prompt ] && exit 3");
  EXPECT_EQ(ExitCode(), 0);
  EXPECT_EQ(api.end->at("reason").as_string(), Describe(RunError::kAgentExited, "3"));
  EXPECT_NE(LogText().find("the end is acknowledged: failed"), std::string::npos);
  EXPECT_EQ(LogText().find("the-secret"), std::string::npos) << LogText();
  EXPECT_EQ(LogText().find("the-token"), std::string::npos) << LogText();
  EXPECT_FALSE(std::filesystem::exists(dir.spec()));
  EXPECT_TRUE(os::ReadFile(dir.lock())->starts_with("pid=" + std::to_string(child.pid) + " boot="));
}

TEST_F(ProtocolRowProcess, SupervisorKilled_TakesTheTreeWithIt) {
  const os::Fd held = MakeHeldPipe();
  Start(
      "exec 9>held; trap '' INT TERM; setsid sh -c 'trap \"\" INT TERM; sleep 1000' & "
      "echo up; sleep 1000");
  PumpUntil([&] { return api.records.size() == 1; });
  (void)os::SignalPidFd(child.pidfd.get(), SIGKILL);
  AwaitEnd(held);
  EXPECT_EQ(ExitCode(), 128 + SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(dir.spool()));
  const auto lock = os::FileLock::TryAcquire(dir.lock());
  EXPECT_TRUE(lock && *lock) << "a dead supervisor's lock is free";
}

TEST_F(ProtocolRowProcess, CancelStarted_BySigtermToTheSupervisor) {
  Start("trap 'exit 0' INT; echo up; while :; do sleep 0.05; done");
  PumpUntil([&] { return api.records.size() == 1; });
  (void)os::SignalPidFd(child.pidfd.get(), SIGTERM);
  EXPECT_EQ(ExitCode(), 0);
  EXPECT_EQ(api.end->at("status").as_string(), "cancelled");
}

TEST_F(ProtocolRowProcess, ALockThatIsHeldEndsASecondSupervisor) {
  const auto lock = os::FileLock::TryAcquire(dir.lock());
  ASSERT_TRUE(lock && *lock);
  Start("echo never");
  EXPECT_EQ(ExitCode(), 4);
  EXPECT_TRUE(api.requests.empty());
}

TEST_F(ProtocolRowProcess, StartEnded_IsExitCode3) {
  api.intercept = [](const std::string&) { return TestApi::Refusal(410, "RUN_ENDED", 0); };
  Start("echo never");
  EXPECT_EQ(ExitCode(), 3);
}

TEST_F(ProtocolRowProcess, UnknownVersion_OfSpecJsonIsLeftAlone) {
  ASSERT_TRUE(os::WriteFileAtomic(dir.spec(), "{\"v\":2}"));
  StartProcess();
  EXPECT_EQ(ExitCode(), 1);
  EXPECT_NE(LogText().find("spec.json has version 2"), std::string::npos);
  EXPECT_EQ(*os::ReadFile(dir.spec()), "{\"v\":2}");
  EXPECT_TRUE(api.requests.empty());
}

}  // namespace
}  // namespace vm0::supervisor
