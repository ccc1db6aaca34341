// SPDX-License-Identifier: Apache-2.0
#include "metrics/family_list.h"

#include <cassert>
#include <utility>

namespace vm0::metrics {

FamilyList& FamilyList::Begin(std::string name, std::string help, prometheus::MetricType type) {
  families_.push_back({std::move(name), std::move(help), type, {}});
  return *this;
}

FamilyList& FamilyList::Counter(std::string name, std::string help) {
  return Begin(std::move(name), std::move(help), prometheus::MetricType::Counter);
}

FamilyList& FamilyList::Gauge(std::string name, std::string help) {
  return Begin(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}

FamilyList& FamilyList::Add(double value) {
  return Add(std::vector<prometheus::ClientMetric::Label>(), value);
}

FamilyList& FamilyList::Add(std::string_view label, std::string_view label_value, double value) {
  return Add({{std::string(label), std::string(label_value)}}, value);
}

FamilyList& FamilyList::Add(std::vector<prometheus::ClientMetric::Label> labels, double value) {
  assert(!families_.empty());
  prometheus::ClientMetric sample;
  sample.label = std::move(labels);
  sample.counter.value = value;
  sample.gauge.value = value;
  families_.back().metric.push_back(std::move(sample));
  return *this;
}

}  // namespace vm0::metrics
