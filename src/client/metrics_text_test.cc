// SPDX-License-Identifier: Apache-2.0
#include "client/metrics_text.h"

#include <gtest/gtest.h>

namespace vm0::client {
namespace {

constexpr std::string_view kText =
    "# HELP a What it is\n# TYPE a counter\n"
    "a{x=\"1\",y=\"p\"} 3\na{x=\"1\",y=\"q\"} 4\na{x=\"2\",y=\"p\"} 5\n"
    "b 1.5e-07\n"
    "odd{t=\"q\\\"uo\\\\te\\nline, {n}\"} 2\n"
    "h_bucket{le=\"0.1\"} 2\nh_bucket{le=\"0.2\"} 6\nh_bucket{le=\"1\"} 6\nh_bucket{le=\"+Inf\"} "
    "8\n"
    "h_count 8\nh_sum 3\n";

MetricsText Metrics(std::string_view text = kText) { return MetricsText::Parse(text).value(); }

TEST(MetricsText, SamplesAreFoundByNameAndSummedByLabel) {
  EXPECT_EQ(Metrics().Sum("a"), 12);
  EXPECT_EQ(Metrics().Sum("a", {{"x", "1"}}), 7);
  EXPECT_EQ(Metrics().Sum("a", {{"x", "1"}, {"y", "q"}}), 4);
  EXPECT_EQ(Metrics().Sum("a", {{"z", "1"}}), 0);
  EXPECT_DOUBLE_EQ(Metrics().Sum("b"), 1.5e-7);
  EXPECT_EQ(Metrics().Sum("nothing"), 0);
}

TEST(MetricsText, LabelsMayHoldAnything) {
  EXPECT_EQ(Metrics().LabelOf("odd", "t"), "q\"uo\\te\nline, {n}");
  EXPECT_EQ(Metrics().LabelOf("odd", "u"), "");
  EXPECT_EQ(Metrics().LabelOf("nothing", "t"), "");
}

TEST(MetricsText, QuantilesLieWithinTheirBuckets) {
  EXPECT_DOUBLE_EQ(*Metrics().Quantile(0.25, "h", {}, nullptr), 0.1);
  EXPECT_DOUBLE_EQ(*Metrics().Quantile(0.5, "h", {}, nullptr), 0.15);
  EXPECT_DOUBLE_EQ(*Metrics().Quantile(0.99, "h", {}, nullptr), 1) << "beyond the last bound";
  EXPECT_FALSE(Metrics().Quantile(0.5, "nothing", {}, nullptr));
}

TEST(MetricsText, QuantilesAreOfWhatCameSince) {
  const MetricsText before = Metrics(
      "h_bucket{le=\"0.1\"} 2\nh_bucket{le=\"0.2\"} 2\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} "
      "4\n");
  EXPECT_DOUBLE_EQ(*Metrics().Quantile(0.5, "h", {}, &before), 0.15);
  const MetricsText same = Metrics();
  EXPECT_FALSE(Metrics().Quantile(0.5, "h", {}, &same)) << "nothing came";
}

TEST(MetricsText, WhatIsNoMetricsIsRefused) {
  for (const char* text :
       {"{}", "a", "a b", "a{x=\"1} 3", "a{x} 3", "a{x=\"1\" 3", "a 3x", "<html> 1</html>"}) {
    const auto parsed = MetricsText::Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kUnreachable);
  }
}

}  // namespace
}  // namespace vm0::client
