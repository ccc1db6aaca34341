// SPDX-License-Identifier: Apache-2.0
#include "cli/poll_pause.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

TEST(PollPause, GrowsByHalfUpToTheLongest) {
  PollPause pause(Millis(400), Millis(1000));
  EXPECT_EQ(pause.Next(), Millis(400));
  EXPECT_EQ(pause.Next(), Millis(600));
  EXPECT_EQ(pause.Next(), Millis(900));
  EXPECT_EQ(pause.Next(), Millis(1000));
  EXPECT_EQ(pause.Next(), Millis(1000));
}

TEST(PollPause, IsShortAgainAfterNews) {
  PollPause pause(Millis(400), Millis(5000));
  for (int i = 0; i < 9; ++i) pause.Next();
  pause.Reset();
  EXPECT_EQ(pause.Next(), Millis(400));
  EXPECT_EQ(pause.Next(), Millis(600));
}

TEST(PollPause, StandsStillWhenFirstIsLongest) {
  PollPause pause(Millis(500), Millis(500));
  EXPECT_EQ(pause.Next(), Millis(500));
  EXPECT_EQ(pause.Next(), Millis(500));
}

}  // namespace
}  // namespace vm0::cli
