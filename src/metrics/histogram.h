// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace vm0::metrics {

// How often values up to each of some bounds were seen. Loop thread only.
class Histogram {
 public:
  // Ascending; a bound belongs to its bucket.
  explicit Histogram(std::vector<double> bounds);
  // Times from 100 µs to 60 s, in seconds.
  static Histogram OfLags();

  void Observe(double value);
  // In seconds. A negative one counts as 0: it was measured by clocks that differ.
  void Observe(Micros lag);

  const std::vector<double>& bounds() const { return bounds_; }
  // Values in each bucket alone; the last is of those above all bounds.
  const std::vector<std::uint64_t>& counts() const { return counts_; }
  double sum() const { return sum_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace vm0::metrics
