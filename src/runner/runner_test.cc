// SPDX-License-Identifier: Apache-2.0
#include "runner/runner.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/process.h"
#include "runner/run_files.h"
#include "runner/runner_fixture.h"

namespace vm0::runner {
namespace {

using testing::HasSubstr;

struct RunnerTest : RunnerFixture {};

TEST_F(RunnerTest, PreparesADirectoryThatOnlyWeCanRead) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  UntilHeld(kRun);
  const auto mode = [](const std::filesystem::path& path) {
    struct stat found {};
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  };
  EXPECT_EQ(mode(dir(kRun).path()), 0700u);
  EXPECT_EQ(mode(dir(kRun).token()), 0600u);
  EXPECT_EQ(mode(dir(kRun).spec()), 0600u);
  EXPECT_EQ(mode(dir(kRun).log()), 0600u);
  EXPECT_EQ(mode(dir(kRun).workspace()), 0700u);
  EXPECT_EQ(mode(dir(kRun).home()), 0700u);
  EXPECT_EQ(mode(dir(kRun).tmp()), 0700u);
  EXPECT_EQ(ReadText(dir(kRun).spec()).find("token"), std::string::npos);
}

TEST_F(RunnerTest, IsDoneWithARunWhoseSupervisorHasSeenItThrough) {
  Script("finish");
  server->AddRun(kRun, MakeRun());
  StartRunner();
  Until([&] {
    return server->waiting_claims() == 1 && !HasSpec(dir(kRun)) &&
           std::filesystem::exists(dir(kRun).lock()) && runner().live_runs() == 0;
  });
  EXPECT_EQ(server->Count("release"), 0u);
  EXPECT_EQ(server->Count("runs"), 1u);
}

TEST_F(RunnerTest, LaunchesRunsWhileOthersLive) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  UntilHeld(kRun);
  server->AddRun(kOtherRun, MakeRun());
  UntilHeld(kOtherRun);
  Until([&] { return runner().live_runs() == 2; });
}

TEST_F(RunnerTest, BuriesForEverWhereTheServerFailsAndClaimsMeanwhile) {
  server->AddRun(kRun, Running(1, true));
  LeaveDead(kRun, server->run(kRun), SpoolOf(2));
  int failures = 0;
  server->refuse = [&](const std::string& request) -> std::optional<Code> {
    const bool is_burial = request.ends_with(" 1") && request != "runs";
    if (!is_burial || ++failures > 20) return std::nullopt;
    return Code::kUnavailable;
  };
  TestRun other = MakeRun();
  other.attempt = 7;
  server->AddRun(kOtherRun, other);
  StartRunner();
  UntilHeld(kOtherRun);
  EXPECT_FALSE(Ended(kRun));
  UntilLater([&] { return Ended(kRun) && !HasSpec(dir(kRun)); });
  EXPECT_EQ(server->run(kRun).records.size(), 2u);
}

TEST_F(RunnerTest, TouchesNothingOfARunWhoseLockItCanNotTake) {
  StartRunner();
  Until([&] { return server->waiting_claims() == 1; });
  LeaveDead(kRun, MakeRun(), SpoolOf(2));
  std::filesystem::remove(dir(kRun).lock());
  ASSERT_TRUE(os::MakeDirs(dir(kRun).lock()));
  server->AddRun(kRun, MakeRun());
  UntilLater([&] { return Ended(kRun); });
  Until([&] { return server->waiting_claims() == 1; });
  EXPECT_GE(server->Count("release"), 1u);
  EXPECT_EQ(ReadText(dir(kRun).spool()), SpoolOf(2));
  EXPECT_TRUE(HasSpec(dir(kRun)));
  EXPECT_TRUE(std::filesystem::exists(dir(kRun).token()));
}

TEST_F(RunnerTest, WaitsForAServerThatIsAway) {
  server->StopListening();
  server->AddRun(kRun, Running(1, true));
  LeaveDead(kRun, server->run(kRun), SpoolOf(2));
  StartRunner();
  UntilLater([&] { return clock.Now() > MonoTime(Seconds(120)); });
  EXPECT_TRUE(server->requests().empty());
  server->Listen();
  UntilLater([&] { return Ended(kRun) && !HasSpec(dir(kRun)); });
  server->AddRun(kOtherRun, MakeRun());
  UntilHeld(kOtherRun);
}

TEST_F(RunnerTest, ClaimsAgainWhenAClaimCameToNothing) {
  StartRunner();
  Until([&] { return server->waiting_claims() == 1; });
  clock.Advance(Seconds(30));
  Until([&] { return server->Count("claim") == 2 && server->waiting_claims() == 1; });
  server->AddRun(kRun, MakeRun());
  UntilHeld(kRun);
}

TEST_F(RunnerTest, StopsInTheMiddleOfALongPollAndLeavesSupervisorsRunning) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  const pid_t pid = UntilHeld(kRun);
  Until([&] { return server->waiting_claims() == 1; });
  StopRunner();
  EXPECT_EQ(::kill(pid, 0), 0);
  EXPECT_EQ(server->Count("claim"), 2u);
}

TEST_F(RunnerTest, StopsWhileTheServerIsAway) {
  server->StopListening();
  LeaveDead(kRun, MakeRun(), SpoolOf(2));
  StartRunner();
  Until([&] { return clock.pending() > 0; });
  StopRunner();
  EXPECT_TRUE(HasSpec(dir(kRun)));
}

TEST_F(RunnerTest, SignalsASupervisorWhoseCancelMayNotHaveReachedIt) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  UntilHeld(kRun);
  server->run(kRun).started = true;
  server->run(kRun).cancel_requested = true;
  StopRunner();
  EXPECT_FALSE(Told("terminated"));
  StartRunner();
  Until([&] { return Told("terminated"); });
  UntilForgotten(kRun);
}

TEST_F(RunnerTest, NeverSignalsAProcessThatDoesNotHoldTheLock) {
  TestRun run = Running(1, true);
  run.cancel_requested = true;
  server->AddRun(kRun, run);
  LeaveDead(kRun, run, SpoolOf(1));
  auto lock = os::FileLock::TryAcquire(dir(kRun).lock());
  ASSERT_TRUE(lock && *lock);
  server->AddRun(kOtherRun, MakeRun());
  StartRunner();
  const pid_t innocent = UntilHeld(kOtherRun);
  StopRunner();
  WriteText(data() / "x", "");
  ASSERT_TRUE((*lock)->Describe("pid=" + std::to_string(innocent) + " boot=x\n"));
  StartRunner();
  Until([&] { return runner().live_runs() == 2; });
  // The lock alone tells when its holder is gone.
  Unlock(*lock);
  UntilLater([&] { return Ended(kRun); });
  EXPECT_FALSE(Told("terminated"));
  EXPECT_EQ(::kill(innocent, 0), 0);
}

TEST_F(RunnerTest, RefusesASecondRunInTheSameFolderAlsoAfterARestart) {
  const TestDirectory folder;
  TestRun run = MakeRun();
  run.spec.workspace = {agent::Workspace::Mode::kReadWrite, folder.path().string()};
  server->AddRun(kRun, run);
  StartRunner();
  UntilHeld(kRun);
  server->run(kRun).started = true;
  StopRunner();
  StartRunner();
  Until([&] { return runner().live_runs() == 1; });
  // The same folder under another name.
  run.spec.workspace.path = (folder.path() / ".." / folder.path().filename() / ".").string();
  run.attempt = 4;
  server->AddRun(kOtherRun, run);
  Until([&] { return Ended(kOtherRun); });
  EXPECT_THAT(Reason(kOtherRun), HasSubstr("another run works in"));
  EXPECT_FALSE(Ended(kRun));
}

TEST_F(RunnerTest, EndsARunWhoseSpoolCanNotBeReadAndKeepsTheFile) {
  server->AddRun(kRun, Running(1, true));
  server->run(kRun).records = {MakeRecords(1, 1)};
  LeaveDead(kRun, server->run(kRun), "vm0-spool v=2\n1 2 agent {}\n");
  StartRunner();
  UntilForgotten(kRun);
  EXPECT_EQ(*IntField(*server->run(kRun).end, "lastSequence"), 1);
  EXPECT_THAT(Reason(kRun), HasSubstr("a spool of another version"));
  EXPECT_THAT(ReadText(dir(kRun).spool()), HasSubstr("v=2"));
}

TEST_F(RunnerTest, EndsARunWhoseStoredEventsAreOthersThanItsSpool) {
  server->AddRun(kRun, Running(1, true));
  server->run(kRun).records = {MakeRecords(1, 1)};
  LeaveDead(kRun, server->run(kRun), SpoolOf(3));
  server->refuse = [](const std::string& request) {
    return request == "events 1" ? std::optional(Code::kEventMismatch) : std::nullopt;
  };
  StartRunner();
  UntilForgotten(kRun);
  EXPECT_EQ(*IntField(*server->run(kRun).end, "lastSequence"), 1);
  EXPECT_EQ(*BoolField(*server->run(kRun).end, "outputComplete"), false);
  EXPECT_EQ(ReadText(dir(kRun).spool()), SpoolOf(3));
}

TEST_F(RunnerTest, AsksAgainEachMinuteWhatTheServerRefusesAsABug) {
  server->AddRun(kRun, Running(1, true));
  LeaveDead(kRun, server->run(kRun), SpoolOf(3));
  server->refuse = [](const std::string& request) {
    return request == "events 1" ? std::optional(Code::kBadRequest) : std::nullopt;
  };
  StartRunner();
  Until([&] { return server->Count("events 1") == 1; });
  const MonoTime first = clock.Now();
  UntilLater([&] { return server->Count("events 1") == 2; });
  EXPECT_GE(clock.Now() - first, Seconds(60));
  EXPECT_FALSE(Ended(kRun));
  server->refuse = nullptr;
  UntilLater([&] { return Ended(kRun); });
  EXPECT_EQ(server->run(kRun).records.size(), 3u);
}

TEST_F(RunnerTest, ShipsFromWhereTheServerSaysThatItsEventsEnd) {
  server->AddRun(kRun, Running(1, true));
  server->run(kRun).records = {MakeRecords(1, 1)};
  LeaveDead(kRun, server->run(kRun), SpoolOf(5));
  server->heartbeat_says = 4;
  StartRunner();
  UntilForgotten(kRun);
  EXPECT_EQ(server->run(kRun).records.size(), 5u);
  EXPECT_EQ(StringMember(*server->run(kRun).end, "hash"), HashOf(5));
}

TEST_F(RunnerTest, KillsWhatADeadSupervisorLeft) {
  const TestRun run = Running(1, true);
  server->AddRun(kRun, run);
  LeaveDead(kRun, run, SpoolOf(1));
  os::SpawnOptions options{.executable = "/bin/sleep"};
  options.argv = {"sleep", "1000"};
  options.environment = {{"VM0_RUN_ID", kRun}};
  options.new_session = true;
  const auto left = os::Spawn(options);
  ASSERT_TRUE(left) << left.error().message;
  StartRunner();
  UntilForgotten(kRun);
  const auto end = os::Wait(left->pid);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->signal, SIGKILL);
}

TEST_F(RunnerTest, LeavesItsOwnEnvironmentToItself) {
  ::setenv("VM0_SECRET_OF_THE_SERVER", "hush", 1);
  server->AddRun(kRun, MakeRun());
  StartRunner();
  UntilHeld(kRun);
  ::unsetenv("VM0_SECRET_OF_THE_SERVER");
  EXPECT_EQ(ReadText(dir(kRun).log()), "the supervisor was here\n");
}

}  // namespace
}  // namespace vm0::runner
