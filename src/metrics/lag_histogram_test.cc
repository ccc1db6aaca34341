// SPDX-License-Identifier: Apache-2.0
#include "metrics/lag_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vm0::metrics {
namespace {

// How many were counted up to each bound, and how many in all.
std::vector<std::uint64_t> CountsOf(const prometheus::Histogram& histogram) {
  std::vector<std::uint64_t> counts;
  for (const auto& bucket : histogram.Collect().histogram.bucket)
    counts.push_back(bucket.cumulative_count);
  return counts;
}

TEST(LagHistogram, ManyAtOnceAreCountedAsOneByOne) {
  prometheus::Histogram one(LagHistogram::Buckets());
  prometheus::Histogram many(LagHistogram::Buckets());
  LagHistogram by_one(one);
  LagHistogram at_once(many);
  for (const Micros lag : {Micros(-5), Micros(0), Micros(100), Micros(101), Micros(60'000'000),
                           Micros(60'000'001), Micros(3'000)}) {
    by_one.Observe(lag);
    at_once.Note(lag);
  }
  EXPECT_EQ(many.Collect().histogram.sample_count, 0u);
  at_once.ObserveNoted();
  at_once.ObserveNoted();
  EXPECT_EQ(CountsOf(many), CountsOf(one));
  EXPECT_EQ(many.Collect().histogram.sample_count, 7u);
  EXPECT_DOUBLE_EQ(many.Collect().histogram.sample_sum, one.Collect().histogram.sample_sum);
  EXPECT_EQ(CountsOf(many)[0], 3u) << "what is negative counts as 0, a bound belongs to its bucket";
}

TEST(LagHistogram, ItsBucketsGoFrom100MicrosecondsToAMinute) {
  const auto buckets = LagHistogram::Buckets();
  EXPECT_EQ(buckets.front(), 0.0001);
  EXPECT_EQ(buckets.back(), 60);
  EXPECT_TRUE(std::ranges::is_sorted(buckets));
}

}  // namespace
}  // namespace vm0::metrics
