// SPDX-License-Identifier: Apache-2.0
#include "cli/poll_pause.h"

#include <gtest/gtest.h>

#include <set>

namespace vm0::cli {
namespace {

void ExpectAbout(Micros pause, Micros longest) {
  EXPECT_LE(pause, longest);
  EXPECT_GE(pause, longest - longest / 4);
}

TEST(PollPause, GrowsByHalfUpToTheLongest) {
  PollPause pause(Millis(400), Millis(1000));
  ExpectAbout(pause.Next(), Millis(400));
  ExpectAbout(pause.Next(), Millis(600));
  ExpectAbout(pause.Next(), Millis(900));
  ExpectAbout(pause.Next(), Millis(1000));
  ExpectAbout(pause.Next(), Millis(1000));
}

TEST(PollPause, IsShortAgainAfterNews) {
  PollPause pause(Millis(400), Millis(5000));
  for (int i = 0; i < 9; ++i) pause.Next();
  pause.Reset();
  ExpectAbout(pause.Next(), Millis(400));
  ExpectAbout(pause.Next(), Millis(600));
}

TEST(PollPause, DoesNotComeWithAllOthersAtOnce) {
  std::set<Micros> pauses;
  for (int i = 0; i < 100; ++i) pauses.insert(PollPause(Seconds(1), Seconds(1)).Next());
  EXPECT_GT(pauses.size(), 10u);
}

}  // namespace
}  // namespace vm0::cli
