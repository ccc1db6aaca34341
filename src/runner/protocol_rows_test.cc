// SPDX-License-Identifier: Apache-2.0
// The rows of docs/protocol.md 5, as a runner meets them.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/process.h"
#include "runner/run_files.h"
#include "runner/runner.h"
#include "runner/runner_fixture.h"

namespace vm0::runner {
namespace {

using testing::HasSubstr;

struct ProtocolRow : RunnerFixture {};

TEST_F(ProtocolRow, RunnerKilledAfterClaim_IsClaimedByNameAndLaunched) {
  server->AddRun(kRun, Running(1, false));
  StartRunner();
  UntilHeld(kRun);
  EXPECT_EQ(server->run(kRun).attempt, 2);
  EXPECT_EQ(ReadText(dir(kRun).token()), "token-2");
}

TEST_F(ProtocolRow, RunnerKilledAfterDirectory_IsMadeAgainFromNothing) {
  server->AddRun(kRun, Running(1, false));
  LeaveDead(kRun, server->run(kRun), "");
  ASSERT_TRUE(os::MakeDirs(dir(kRun).workspace() / "half"));
  StartRunner();
  UntilHeld(kRun);
  EXPECT_EQ(server->run(kRun).attempt, 2);
  const auto spec = ParseJsonObject(ReadText(dir(kRun).spec()), "spec.json");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(*IntField(*spec, "attempt"), 2);
  EXPECT_EQ(ReadText(dir(kRun).token()), "token-2");
  EXPECT_TRUE(std::filesystem::is_empty(dir(kRun).workspace()));
  EXPECT_FALSE(std::filesystem::exists(dir(kRun).spool()));
}

TEST_F(ProtocolRow, RunnerAdopts_ALiveSupervisorAndBuriesItWhenItDies) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  const pid_t pid = UntilHeld(kRun);
  server->run(kRun).started = true;
  StopRunner();
  ASSERT_EQ(::kill(pid, 0), 0);
  StartRunner();
  Until([&] { return runner().live_runs() == 1; });
  EXPECT_EQ(server->run(kRun).attempt, 1);
  EXPECT_FALSE(Ended(kRun));
  Kill(pid);
  UntilForgotten(kRun);
  EXPECT_TRUE(Ended(kRun));
  EXPECT_EQ(server->run(kRun).attempt, 1);
}

TEST_F(ProtocolRow, SupervisorKilled_WhatItHadReadIsShippedAndTheRunFails) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  const pid_t pid = UntilHeld(kRun);
  EXPECT_EQ(runner().live_runs(), 1u);
  TestRun& run = server->run(kRun);
  run.started = true;
  run.records = {MakeRecords(1, 1), MakeRecords(2, 2)};
  WriteText(dir(kRun).spool(), SpoolOf(2500));
  WriteText(dir(kRun).elapsed(), "7\n");
  Kill(pid);
  UntilForgotten(kRun);
  ASSERT_EQ(run.records.size(), 2500u);
  EXPECT_EQ(run.records.back(), MakeRecords(2500, 2500));
  EXPECT_EQ(server->Count("events 1"), 3u);
  const json::object expected{{"v", 1},
                              {"lastSequence", 2500},
                              {"status", "failed"},
                              {"outputComplete", false},
                              {"executionTimeMs", 7000},
                              {"reason",
                               "the supervisor died; everything it had read is kept; "
                               "start the run anew"},
                              {"errorCode", "SUPERVISOR_DIED"},
                              {"hash", HashOf(2500)}};
  EXPECT_EQ(*run.end, expected);
  EXPECT_FALSE(std::filesystem::exists(dir(kRun).spool()));
  EXPECT_FALSE(std::filesystem::exists(dir(kRun).token()));
  EXPECT_TRUE(std::filesystem::exists(dir(kRun).workspace()));
  Until([&] { return runner().live_runs() == 0; });
}

TEST_F(ProtocolRow, SupervisorKilledTornSpool_TheTornRecordIsDropped) {
  server->AddRun(kRun, Running(1, true));
  std::string spool = SpoolOf(3);
  spool += MakeRecords(4, 4).substr(0, 40);
  LeaveDead(kRun, server->run(kRun), spool);
  StartRunner();
  UntilForgotten(kRun);
  EXPECT_EQ(server->run(kRun).records.size(), 3u);
  EXPECT_EQ(*IntField(*server->run(kRun).end, "lastSequence"), 3);
  EXPECT_EQ(StringMember(*server->run(kRun).end, "hash"), HashOf(3));
}

TEST_F(ProtocolRow, SupervisorKilledBeforeStart_IsLaunchedAgainWithANewToken) {
  server->AddRun(kRun, MakeRun());
  StartRunner();
  Kill(UntilHeld(kRun));
  UntilHeld(kRun, 2);
  EXPECT_EQ(server->run(kRun).attempt, 2);
  EXPECT_EQ(ReadText(dir(kRun).token()), "token-2");
  EXPECT_FALSE(Ended(kRun));
}

TEST_F(ProtocolRow, SupervisorKilledAfterComplete_TheSpoolIsForgotten) {
  TestRun run = Running(1, true);
  run.records = {MakeRecords(1, 1)};
  run.end = json::object{{"status", "completed"}};
  server->AddRun(kRun, run);
  LeaveDead(kRun, run, SpoolOf(1));
  StartRunner();
  UntilForgotten(kRun);
  EXPECT_FALSE(std::filesystem::exists(dir(kRun).spool()));
  EXPECT_EQ(*server->run(kRun).end, *run.end);
}

TEST_F(ProtocolRow, SupervisorKilledAfterComplete_WithAVoidTokenTheSpoolIsLeftForPeople) {
  TestRun run = Running(1, true);
  LeaveDead(kRun, run, SpoolOf(1));
  server->refuse = [](const std::string& request) {
    return request == "heartbeat 1" ? std::optional(Code::kUnauthorized) : std::nullopt;
  };
  StartRunner();
  UntilForgotten(kRun);
  EXPECT_FALSE(std::filesystem::exists(dir(kRun).token()));
  EXPECT_EQ(ReadText(dir(kRun).spool()), SpoolOf(1));
}

TEST_F(ProtocolRow, SpoolShorterThanStore_EndsWithWhatIsStored) {
  TestRun run = Running(1, true);
  for (int number = 1; number <= 5; ++number) run.records.push_back(MakeRecords(number, number));
  server->AddRun(kRun, run);
  LeaveDead(kRun, run, SpoolOf(2));
  // So that it is complete that tells how many there are.
  server->heartbeat_says = 2;
  StartRunner();
  UntilForgotten(kRun);
  ASSERT_TRUE(Ended(kRun));
  EXPECT_EQ(server->Count("complete 1"), 2u);
  EXPECT_EQ(*IntField(*server->run(kRun).end, "lastSequence"), 5);
  EXPECT_EQ(*BoolField(*server->run(kRun).end, "outputComplete"), false);
  EXPECT_EQ(server->run(kRun).end->find("hash"), server->run(kRun).end->end());
}

TEST_F(ProtocolRow, ReleaseLast_ComesAfterThreeAttemptsAndSaysHowTheLastOneEnded) {
  Script("exit");
  server->AddRun(kRun, MakeRun());
  StartRunner();
  Until([&] { return Ended(kRun) && !HasSpec(dir(kRun)); });
  EXPECT_EQ(server->run(kRun).attempt, 3);
  EXPECT_EQ(server->Count("release"), 3u);
  EXPECT_EQ(Reason(kRun),
            "it ended before it could start the agent, with exit code 1: the supervisor was here");
  EXPECT_EQ(ReadText(dir(kRun).log()),
            "the supervisor was here\nthe supervisor was here\nthe supervisor was here\n");
}

TEST_F(ProtocolRow, CompleteUnstarted_AWorkspaceThatCanNotBeMadeEndsTheRunWithTheReason) {
  TestRun run = MakeRun();
  run.spec.workspace = {agent::Workspace::Mode::kCopy, (data() / "nothing").string()};
  server->AddRun(kRun, run);
  StartRunner();
  Until([&] { return Ended(kRun); });
  EXPECT_EQ(*StringMember(*server->run(kRun).end, "status"), "failed");
  EXPECT_THAT(Reason(kRun), HasSubstr("the workspace could not be prepared"));
  EXPECT_THAT(Reason(kRun), HasSubstr((data() / "nothing").string()));
  EXPECT_EQ(server->Count("release"), 0u);
}

TEST_F(ProtocolRow, CompleteUnstarted_OurOwnDataDirectoryIsNoWorkspace) {
  TestRun run = MakeRun();
  run.spec.workspace = {agent::Workspace::Mode::kCopy, data().string()};
  server->AddRun(kRun, run);
  StartRunner();
  Until([&] { return Ended(kRun); });
  EXPECT_THAT(Reason(kRun), HasSubstr("own data directory"));
}

// Whoever works in it could read tokens and change other runs.
TEST_F(ProtocolRow, CompleteUnstarted_NoAgentWorksInPlaceInOurDataDirectory) {
  const TestDirectory elsewhere;
  const auto link = elsewhere.path() / "link";
  std::filesystem::create_directory_symlink(data() / "runs", link);
  TestRun run = MakeRun();
  run.spec.workspace = {agent::Workspace::Mode::kReadWrite, link.string()};
  server->AddRun(kRun, run);
  StartRunner();
  Until([&] { return Ended(kRun); });
  EXPECT_THAT(Reason(kRun), HasSubstr("lies in vm0's own data directory"));
}

// What the server says is that of an older copy of its database.
struct ProtocolRowRestored : ProtocolRow {
  // A run whose supervisor lives, and whose agent has run, as if it waited for its first claim.
  pid_t Forgotten() {
    server->AddRun(kRun, MakeRun());
    StartRunner();
    const pid_t pid = UntilHeld(kRun);
    EXPECT_TRUE(dir(kRun).NoteStarted(1));
    StopRunner();
    server->run(kRun) = MakeRun();
    server->refuse = [this](const std::string& request) -> std::optional<Code> {
      if (request == "adopt" && !may_adopt()) return Code::kUnavailable;
      if (request != "heartbeat 1" || is_adopted) return std::nullopt;
      return Code::kUnauthorized;
    };
    return pid;
  }
  std::function<bool()> may_adopt = [this] { return is_adopted = true; };
  bool is_adopted = false;
};

TEST_F(ProtocolRowRestored, RestoredPending_ALiveSupervisorIsAdoptedAndNoOtherLaunched) {
  const pid_t pid = Forgotten();
  StartRunner();
  Until([&] { return server->run(kRun).started; });
  EXPECT_EQ(server->run(kRun).attempt, 1);
  Until([&] { return runner().live_runs() == 1; });
  Kill(pid);
  UntilForgotten(kRun);
  EXPECT_TRUE(Ended(kRun));
  EXPECT_EQ(server->Count("release"), 0u);
}

TEST_F(ProtocolRowRestored, RestoredPending_AlsoWhenItIsClaimedBefore) {
  const pid_t pid = Forgotten();
  may_adopt = [this] { return is_adopted = !server->run(kRun).pending; };
  StartRunner();
  UntilLater([&] { return server->run(kRun).started; });
  Kill(pid);
  UntilLater([&] { return Ended(kRun) && !HasSpec(dir(kRun)); });
  EXPECT_EQ(UntilHeld(kRun), pid) << "another supervisor was launched";
  EXPECT_THAT(Reason(kRun), HasSubstr("the supervisor died"));
}

TEST_F(ProtocolRowRestored, RestoredPending_WhatHasEndedIsNotLaunchedAgain) {
  server->AddRun(kRun, MakeRun());
  ASSERT_TRUE(os::MakeDirs(dir(kRun).path()));
  ASSERT_TRUE(dir(kRun).NoteStarted(2));
  StartRunner();
  Until([&] { return Ended(kRun); });
  EXPECT_EQ(server->run(kRun).attempt, 2);
  EXPECT_THAT(Reason(kRun), HasSubstr("had ended before"));
}

TEST_F(ProtocolRow, DirectoryLost_EndsWithWhatIsStored) {
  TestRun run = Running(1, true);
  run.records = {MakeRecords(1, 1), MakeRecords(2, 2)};
  server->AddRun(kRun, run);
  StartRunner();
  Until([&] { return Ended(kRun); });
  EXPECT_EQ(*IntField(*server->run(kRun).end, "lastSequence"), 2);
  EXPECT_EQ(*BoolField(*server->run(kRun).end, "outputComplete"), false);
  EXPECT_EQ(*StringMember(*server->run(kRun).end, "errorCode"), "DIRECTORY_LOST");
}

TEST_F(ProtocolRow, DirectoryLost_OfAllRunsIsMadeAnew) {
  StartRunner();
  Until([&] { return server->waiting_claims() == 1; });
  std::filesystem::remove_all(data() / "runs");
  server->AddRun(kRun, MakeRun());
  UntilHeld(kRun);
}

}  // namespace
}  // namespace vm0::runner
