// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition.h"

#include <gtest/gtest.h>

namespace vm0::metrics {
namespace {

TEST(Exposition, WritesCountersAndGaugesWithTheirLabels) {
  Exposition out;
  out.Counter("done_total", "What was done.")
      .Add("by", "me", 3)
      .Add({{"by", "you"}, {"at", "x"}}, 0.5);
  out.Gauge("open", "What is open.").Add(1e18);
  EXPECT_EQ(out.Take(),
            "# HELP done_total What was done.\n"
            "# TYPE done_total counter\n"
            "done_total{by=\"me\"} 3\n"
            "done_total{by=\"you\",at=\"x\"} 0.5\n"
            "# HELP open What is open.\n"
            "# TYPE open gauge\n"
            "open 1e+18\n");
}

TEST(Exposition, WritesAHistogramByHowManyAreBelowEachBound) {
  Histogram histogram({0.0001, 0.25, 1});
  for (const double value : {0.25, 0.5, 0.5, 2.0}) histogram.Observe(value);
  Exposition out;
  out.Histograms("lag_seconds", "How long.").Add({{"by", "me"}}, histogram);
  EXPECT_EQ(out.Take(),
            "# HELP lag_seconds How long.\n"
            "# TYPE lag_seconds histogram\n"
            "lag_seconds_bucket{by=\"me\",le=\"0.0001\"} 0\n"
            "lag_seconds_bucket{by=\"me\",le=\"0.25\"} 1\n"
            "lag_seconds_bucket{by=\"me\",le=\"1\"} 3\n"
            "lag_seconds_bucket{by=\"me\",le=\"+Inf\"} 4\n"
            "lag_seconds_sum{by=\"me\"} 3.25\n"
            "lag_seconds_count{by=\"me\"} 4\n");
}

TEST(Exposition, EscapesTheValuesOfLabels) {
  Exposition out;
  out.Gauge("build", "Of what.").Add("version", "a\"b\\c\nd", 1);
  EXPECT_TRUE(out.Take().ends_with("build{version=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

}  // namespace
}  // namespace vm0::metrics
