// SPDX-License-Identifier: Apache-2.0
#include "client/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vm0::client {
namespace {

TEST(Backoff, DoublesFrom50MillisecondsTo30SecondsLessAtMostHalf) {
  Backoff backoff;
  Micros longest = Millis(50);
  for (int count = 0; count < 20; ++count) {
    const Micros delay = backoff.Next();
    EXPECT_LE(delay, longest);
    EXPECT_GE(delay, longest / 2);
    longest = std::min<Micros>(longest * 2, Seconds(30));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), Millis(50));
}

}  // namespace
}  // namespace vm0::client
