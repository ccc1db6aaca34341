// SPDX-License-Identifier: Apache-2.0
#include "metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace vm0::metrics {
namespace {

TEST(Histogram, ABoundBelongsToItsBucketAndWhatIsAboveAllIsCountedToo) {
  Histogram histogram({1, 2, 5});
  for (const double value : {0.5, 1.0, 1.5, 5.0, 5.1, 100.0}) histogram.Observe(value);
  EXPECT_EQ(histogram.counts(), (std::vector<std::uint64_t>{2, 1, 1, 2}));
  EXPECT_DOUBLE_EQ(histogram.sum(), 113.1);
}

TEST(Histogram, ALagIsInSecondsAndNeverNegative) {
  Histogram histogram = Histogram::OfLags();
  for (const Micros lag : {Micros(-5), Micros(100), Micros(101), Micros(60'000'001)})
    histogram.Observe(lag);
  EXPECT_EQ(histogram.counts().front(), 2u);
  EXPECT_EQ(histogram.counts()[1], 1u);
  EXPECT_EQ(histogram.counts().back(), 1u);
  EXPECT_EQ(std::reduce(histogram.counts().begin(), histogram.counts().end()), 4u);
  EXPECT_NEAR(histogram.sum(), 60.000202, 1e-9);
}

TEST(Histogram, LagsGoFrom100MicrosecondsToAMinute) {
  const auto bounds = Histogram::OfLags().bounds();
  EXPECT_EQ(bounds.front(), 0.0001);
  EXPECT_EQ(bounds.back(), 60);
  EXPECT_TRUE(std::ranges::is_sorted(bounds));
}

}  // namespace
}  // namespace vm0::metrics
