// SPDX-License-Identifier: Apache-2.0
#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using LostClaim = TestWorld;

TEST_F(LostClaim, IsFoundAmongTheUnfinishedRunsAndMadeAgain) {
  TestRun claimed = MakeRun();
  claimed.pending = false;
  claimed.attempt = 1;
  server->refuse = [&](const std::string& request) -> std::optional<Code> {
    if (request != "claim" || server->Count("claim") > 1) return std::nullopt;
    server->AddRun(kRun, claimed);  // taken, and the answer never arrives
    return Code::kUnavailable;
  };
  StartRunner();
  UntilLater([&] { return server->Count("release") == 1; });
  UntilHeld(kRun);
  EXPECT_EQ(server->run(kRun).attempt, 2);
  EXPECT_EQ(ReadText(dir(kRun).token()), "token-2");
}

}  // namespace
}  // namespace vm0::runner
