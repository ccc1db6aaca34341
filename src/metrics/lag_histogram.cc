// SPDX-License-Identifier: Apache-2.0
#include "metrics/lag_histogram.h"

#include <algorithm>

namespace vm0::metrics {
namespace {

double SecondsOf(Micros lag) { return static_cast<double>(std::max(lag, Micros(0)).count()) / 1e6; }

}  // namespace

prometheus::Histogram::BucketBoundaries LagHistogram::Buckets() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
          0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
}

LagHistogram::LagHistogram(prometheus::Histogram& histogram)
    : histogram_(histogram), counts_(buckets_.size() + 1) {}

void LagHistogram::Observe(Micros lag) { histogram_.Observe(SecondsOf(lag)); }

void LagHistogram::Note(Micros lag) {
  const double seconds = SecondsOf(lag);
  const auto bucket = std::ranges::lower_bound(buckets_, seconds) - buckets_.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += seconds;
  ++noted_;
}

void LagHistogram::ObserveNoted() {
  if (noted_ > 0) histogram_.ObserveMultiple(counts_, sum_);
  std::ranges::fill(counts_, 0);
  sum_ = 0;
  noted_ = 0;
}

}  // namespace vm0::metrics
