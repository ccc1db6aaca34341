// SPDX-License-Identifier: Apache-2.0
#include "cli/idle_exit.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

class IdleExitTest : public testing::Test {
 protected:
  void Advance(int minutes) {
    for (int i = 0; i < minutes; ++i) clock_.Advance(Seconds(60));
  }

  os::FakeClock clock_;
  IdleExit::Facts facts_;
  int exits_ = 0;
  IdleExit idle_{clock_, [this] { return facts_; }, [this] { ++exits_; }};
};

TEST_F(IdleExitTest, ExitsOnceAfterFifteenMinutesWithoutUse) {
  Advance(14);
  EXPECT_EQ(exits_, 0);
  Advance(1);
  EXPECT_EQ(exits_, 1);
  Advance(60);
  EXPECT_EQ(exits_, 1);
}

TEST_F(IdleExitTest, ARequestPutsItOff) {
  Advance(14);
  facts_.last_request = clock_.Now();
  Advance(14);
  EXPECT_EQ(exits_, 0);
  Advance(1);
  EXPECT_EQ(exits_, 1);
}

TEST_F(IdleExitTest, CountsFromTheEndOfALongUse) {
  facts_.in_use = true;
  Advance(600);
  EXPECT_EQ(exits_, 0);
  facts_.in_use = false;
  Advance(14);
  EXPECT_EQ(exits_, 0);
  Advance(1);
  EXPECT_EQ(exits_, 1);
}

TEST(IdleExit, ForgetsItsTimerWhenDestroyed) {
  os::FakeClock clock;
  {
    IdleExit idle(
        clock, [] { return IdleExit::Facts{}; }, [] {});
  }
  EXPECT_EQ(clock.pending(), 0u);
}

}  // namespace
}  // namespace vm0::cli
