// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/histogram.h>

#include <vector>

#include "base/time.h"

namespace vm0::metrics {

// How long things took, from 100 µs to 60 s, in seconds. Many are told at the cost of a few.
// `histogram` has the buckets of Buckets() and outlives it. Loop thread only.
class LagHistogram {
 public:
  static prometheus::Histogram::BucketBoundaries Buckets();

  explicit LagHistogram(prometheus::Histogram& histogram);

  // A negative one counts as 0: it was measured by clocks that differ.
  void Observe(Micros lag);
  // Observe later, all at once.
  void Note(Micros lag);
  void ObserveNoted();

 private:
  prometheus::Histogram& histogram_;
  const prometheus::Histogram::BucketBoundaries buckets_ = Buckets();
  std::vector<double> counts_;  // by bucket, of what was noted
  double sum_ = 0;
  std::size_t noted_ = 0;
};

}  // namespace vm0::metrics
