// SPDX-License-Identifier: Apache-2.0
#include "feed/tails.h"

#include <gtest/gtest.h>

namespace vm0::feed {
namespace {

RunId IdOf(int number) {
  RunId id;
  id.uuid.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

std::vector<EventPtr> Make(std::int64_t first, std::int64_t last, std::size_t size = 10) {
  std::vector<EventPtr> events;
  for (std::int64_t i = first; i <= last; ++i) {
    event::Event event;
    event.sequence = i;
    event.json = std::string(size, 'x');
    events.push_back(std::make_shared<event::Event>(event));
  }
  return events;
}

// "3-7", or "no" when they are not here.
std::string Range(Tails& tails, std::int64_t since, int limit = 1000, std::size_t bytes = 1 << 20,
                  int run = 1) {
  const auto events = tails.Read(IdOf(run), since, limit, bytes);
  if (!events) return "no";
  for (std::size_t i = 1; i < events->size(); ++i) {
    EXPECT_EQ((*events)[i]->sequence, (*events)[i - 1]->sequence + 1);
  }
  return std::to_string(events->front()->sequence) + "-" + std::to_string(events->back()->sequence);
}

TEST(Tails, GiveWhatTheyCoverAndNothingElse) {
  Tails tails({});
  EXPECT_EQ(Range(tails, 0), "no");
  tails.Add(IdOf(1), Make(5, 9));
  EXPECT_EQ(Range(tails, 3), "no");
  EXPECT_EQ(Range(tails, 4), "5-9");
  EXPECT_EQ(Range(tails, 8), "9-9");
  EXPECT_EQ(Range(tails, 9), "no");  // the store may know more
  EXPECT_EQ(Range(tails, 4, 2), "5-6");
  EXPECT_EQ(Range(tails, 4, 1000, 35), "5-7");
  EXPECT_EQ(Range(tails, 4, 1000, 1), "5-5");
}

TEST(Tails, PassOverRepeatedEventsAndBeginAnewAfterAGap) {
  Tails tails({});
  tails.Add(IdOf(1), Make(1, 3));
  tails.Add(IdOf(1), Make(2, 5));
  EXPECT_EQ(Range(tails, 0), "1-5");
  tails.Add(IdOf(1), Make(8, 9));
  EXPECT_EQ(Range(tails, 0), "no");
  EXPECT_EQ(Range(tails, 7), "8-9");
}

TEST(Tails, KeepTheNewestWithinTheLimitsOfARun) {
  Tails tails({.events_per_run = 4, .bytes_per_run = 100'000, .bytes = 1 << 20});
  tails.Add(IdOf(1), Make(1, 10));
  EXPECT_EQ(Range(tails, 6), "7-10");
  EXPECT_EQ(Range(tails, 5), "no");
  tails.Add(IdOf(1), Make(11, 12, 40'000));
  EXPECT_EQ(Range(tails, 8), "9-12");
  tails.Add(IdOf(1), Make(13, 13, 40'000));
  EXPECT_EQ(Range(tails, 11), "12-13");
  EXPECT_EQ(Range(tails, 10), "no");
}

TEST(Tails, HoldNothingForAnEventAboveTheLimit) {
  Tails tails({.events_per_run = 4, .bytes_per_run = 1000, .bytes = 1 << 20});
  tails.Add(IdOf(1), Make(1, 1));
  tails.Add(IdOf(1), Make(2, 2, 5000));
  EXPECT_EQ(tails.bytes(), 0u);
  EXPECT_EQ(Range(tails, 1), "no");
  tails.Add(IdOf(1), Make(3, 3));
  EXPECT_EQ(Range(tails, 2), "3-3");
}

TEST(Tails, EvictTheLeastRecentlyUsedRunFirst) {
  Tails tails({.events_per_run = 100, .bytes_per_run = 1 << 20, .bytes = 35'000});
  for (int run = 1; run <= 3; ++run) tails.Add(IdOf(run), Make(1, 1, 10'000));
  EXPECT_EQ(Range(tails, 0, 10, 1 << 20, 1), "1-1");  // a use: 2 is the oldest now
  tails.Add(IdOf(4), Make(1, 1, 10'000));
  EXPECT_EQ(Range(tails, 0, 10, 1 << 20, 2), "no");
  EXPECT_EQ(Range(tails, 0, 10, 1 << 20, 1), "1-1");
  EXPECT_EQ(Range(tails, 0, 10, 1 << 20, 3), "1-1");
  EXPECT_LE(tails.bytes(), 35'000u);
}

}  // namespace
}  // namespace vm0::feed
