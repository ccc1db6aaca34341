// SPDX-License-Identifier: Apache-2.0
#include "cli/event_stream.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

client::EventPage PageOf(std::initializer_list<std::int64_t> numbers) {
  client::EventPage page;
  for (const std::int64_t number : numbers) {
    client::ReceivedEvent event;
    event.sequence = number;
    page.events.push_back(event);
  }
  return page;
}

std::vector<std::int64_t> NumbersOf(const client::EventPage& page) {
  std::vector<std::int64_t> numbers;
  for (const auto& event : page.events) numbers.push_back(event.sequence);
  return numbers;
}

TEST(EventStream, DropsWhatTheReaderHasHad) {
  auto page = PageOf({3, 4, 5, 6});
  ASSERT_TRUE(KeepNewEvents(page, 4));
  EXPECT_EQ(NumbersOf(page), (std::vector<std::int64_t>{5, 6}));
}

TEST(EventStream, AnEmptyPageIsFine) {
  auto page = PageOf({});
  EXPECT_TRUE(KeepNewEvents(page, 4));
  auto old = PageOf({1, 2});
  EXPECT_TRUE(KeepNewEvents(old, 2));
  EXPECT_TRUE(old.events.empty());
}

TEST(EventStream, AServerThatHasMoreButGivesNoneIsInError) {
  auto page = PageOf({});
  page.has_more = true;
  EXPECT_FALSE(KeepNewEvents(page, 4));
}

TEST(EventStream, AGapIsNeverShownAsTheWholeTruth) {
  auto after_cursor = PageOf({6, 7});
  EXPECT_EQ(KeepNewEvents(after_cursor, 4).error().code, Code::kSequenceGap);
  auto inside = PageOf({5, 7});
  EXPECT_EQ(KeepNewEvents(inside, 4).error().number, 6);
  auto backward = PageOf({5, 5});
  EXPECT_FALSE(KeepNewEvents(backward, 4));
}

}  // namespace
}  // namespace vm0::cli
