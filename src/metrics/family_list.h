// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

namespace vm0::metrics {

// Families of counters and gauges as they are written at one moment, from numbers that others keep.
class FamilyList {
 public:
  // Begins a family. `help`: one line.
  FamilyList& Counter(std::string name, std::string help);
  FamilyList& Gauge(std::string name, std::string help);
  // A sample of the last family, with one label or none.
  FamilyList& Add(double value);
  FamilyList& Add(std::string_view label, std::string_view label_value, double value);
  FamilyList& Add(std::vector<prometheus::ClientMetric::Label> labels, double value);

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  FamilyList& Begin(std::string name, std::string help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace vm0::metrics
