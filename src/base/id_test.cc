// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace vm0 {
namespace {

constexpr std::string_view kText = "01932c07-a000-7abc-8def-0123456789ab";

WallTime AtMillis(std::int64_t millis) { return WallTime(Millis(millis)); }

TEST(Uuid, ReadsBackWhatItWrites) {
  const auto uuid = Uuid::Parse(kText);
  ASSERT_TRUE(uuid.has_value());
  EXPECT_EQ(uuid->bytes[0], 0x01);
  EXPECT_EQ(uuid->bytes[15], 0xab);
  EXPECT_EQ(uuid->ToString(), kText);
}

TEST(Uuid, TakesUpperCaseAndWritesLowerCase) {
  const auto uuid = Uuid::Parse("01932C07-A000-7ABC-8DEF-0123456789AB");
  ASSERT_TRUE(uuid.has_value());
  EXPECT_EQ(uuid->ToString(), kText);
}

TEST(Uuid, TakesEveryVersion) {
  EXPECT_TRUE(Uuid::Parse("00000000-0000-0000-0000-000000000000").has_value());
  EXPECT_TRUE(Uuid::Parse("ffffffff-ffff-4fff-ffff-ffffffffffff").has_value());
}

TEST(Uuid, RefusesAllElse) {
  for (const std::string_view text :
       {"", "01932c07a0007abc8def0123456789ab", "{01932c07-a000-7abc-8def-0123456789ab}",
        "01932c07-a000-7abc-8def-0123456789a", "01932c07-a000-7abc-8def-0123456789abc",
        "01932c07-a000-7abc-8def-0123456789ag", "01932c07-a000-7abc-8def-0123456789a ",
        "01932c07-a000-7abc-8def_0123456789ab", "01932c0-7a000-7abc-8def-0123456789ab",
        "------------------------------------", "../../../../../../../../../etc/passwd",
        "01932c07-a000-7abc-8def-01234567\xc3\xa9zz"}) {
    EXPECT_FALSE(Uuid::Parse(text).has_value()) << text;
  }
  // Every single place matters.
  for (std::size_t i = 0; i < kText.size(); ++i) {
    std::string broken(kText);
    broken[i] = 'x';
    EXPECT_FALSE(Uuid::Parse(broken).has_value()) << broken;
  }
}

TEST(Uuid, NewOneCarriesTimeVersionAndVariant) {
  const std::string text = Uuid::NewV7(AtMillis(0x01932c07a000)).ToString();
  EXPECT_EQ(text.substr(0, 13), "01932c07-a000");
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = Uuid::NewV7(AtMillis(1));
    ASSERT_EQ(uuid.bytes[6] >> 4, 7);
    ASSERT_EQ(uuid.bytes[8] >> 6, 2);
  }
}

TEST(Uuid, NewOnesSortByTimeAsBytesAndAsText) {
  Uuid before = Uuid::NewV7(AtMillis(0));
  for (std::int64_t millis = 1; millis < 1'000'000'000'000; millis *= 3) {
    const Uuid after = Uuid::NewV7(AtMillis(millis));
    ASSERT_LT(before, after);
    ASSERT_LT(before.ToString(), after.ToString());
    before = after;
  }
}

TEST(Uuid, TimeBefore1970CountsAs1970) {
  EXPECT_EQ(Uuid::NewV7(WallTime(Micros(-5))).ToString().substr(0, 13), "00000000-0000");
}

TEST(Uuid, NewOnesOfOneMillisecondDifferAcrossThreads) {
  std::vector<std::vector<RunId>> made(4);
  {
    std::vector<std::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&ids] {
        for (int i = 0; i < 5000; ++i) ids.push_back(RunId::New(AtMillis(7)));
      });
    }
  }
  std::unordered_set<RunId> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), 20'000U);
}

TEST(Uuid, OrdersAsItsText) {
  for (int i = 0; i < 1000; ++i) {
    const Uuid a = Uuid::NewV7(AtMillis(1));
    const Uuid b = Uuid::NewV7(AtMillis(1));
    ASSERT_EQ(a < b, a.ToString() < b.ToString());
  }
}

TEST(Id, KindsAreNotInterchangeable) {
  static_assert(!std::is_convertible_v<RunId, ConfigId>);
  static_assert(!std::is_constructible_v<TokenId, RunId>);
  EXPECT_EQ(RunId::Parse(kText)->ToString(), kText);
  EXPECT_EQ(RunId::Parse("run-1"), std::nullopt);
}

}  // namespace
}  // namespace vm0
