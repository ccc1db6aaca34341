// SPDX-License-Identifier: Apache-2.0
// How many runs a runner has at once, and that none holds up another: the rows RunnerFull,
// PoisonedSpec and PoisonedSupervisor of docs/protocol.md 5.
#include <gmock/gmock.h>

#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using testing::HasSubstr;

struct ProtocolRowPlaces : TestWorld {
  bool Ended(const std::string& id) { return server->run(id).end.has_value(); }
  std::string Reason(const std::string& id) {
    if (!Ended(id)) return "(it has not ended)";
    return std::string(StringMember(*server->run(id).end, "reason").value_or(""));
  }
};

TEST_F(ProtocolRowPlaces, RunnerFull_ClaimsTheNextOnlyWhenOneHasEnded) {
  max_concurrent = 1;
  server->AddRun(kRun, MakeRun());
  server->AddRun(kOtherRun, MakeRun());
  StartRunner();
  const pid_t pid = UntilHeld(kRun);
  Until([&] { return runner().live_runs() == 1; });
  EXPECT_EQ(server->Count("claim"), 1u);
  EXPECT_TRUE(server->run(kOtherRun).pending);
  server->run(kRun).started = true;
  Kill(pid);
  UntilHeld(kOtherRun);
  EXPECT_TRUE(Ended(kRun));
}

TEST_F(ProtocolRowPlaces, RunnerFull_CountsWhatItAdopts) {
  max_concurrent = 1;
  server->AddRun(kRun, MakeRun());
  StartRunner();
  const pid_t pid = UntilHeld(kRun);
  server->run(kRun).started = true;
  StopRunner();
  server->AddRun(kOtherRun, MakeRun());
  const auto claims = server->Count("claim");
  StartRunner();
  Until([&] { return runner().live_runs() == 1; });
  EXPECT_EQ(server->Count("claim"), claims);
  EXPECT_TRUE(server->run(kOtherRun).pending);
  Kill(pid);
  UntilHeld(kOtherRun);
}

TEST_F(ProtocolRowPlaces, RunnerFull_AStopEndsItsWaitForAPlace) {
  max_concurrent = 1;
  server->AddRun(kRun, MakeRun());
  StartRunner();
  UntilHeld(kRun);
  StopRunner();
  EXPECT_TRUE(runner_has_stopped());
}

TEST_F(ProtocolRowPlaces, PoisonedSpec_FailsAtOnceAndTheNextRunGoesOn) {
  max_concurrent = 1;
  TestRun poisoned = MakeRun();
  poisoned.spec.dialect.clear();
  server->AddRun(kRun, poisoned);
  server->AddRun(kOtherRun, MakeRun());
  StartRunner();
  UntilHeld(kOtherRun);
  EXPECT_THAT(Reason(kRun), HasSubstr("the run can't be understood: spec.dialect is missing"));
}

TEST_F(ProtocolRowPlaces, PoisonedSupervisor_OthersGoOnBetweenItsAttempts) {
  max_concurrent = 1;
  Script("exit", kRun);
  Script("finish", kOtherRun);
  server->AddRun(kRun, MakeRun());
  server->AddRun(kOtherRun, MakeRun());
  StartRunner();
  Until([&] { return Ended(kRun) && !server->run(kOtherRun).pending; });
  EXPECT_EQ(server->run(kRun).attempt, 3);
  EXPECT_EQ(server->run(kOtherRun).attempt, 1);
}

}  // namespace
}  // namespace vm0::runner
