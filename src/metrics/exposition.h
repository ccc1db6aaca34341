// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/histogram.h"

namespace vm0::metrics {

// Metrics in the text format of Prometheus, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/. Written family by family.
class Exposition {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  // Begins a family. `help`: one line, without a backslash.
  Exposition& Counter(std::string_view name, std::string_view help);
  Exposition& Gauge(std::string_view name, std::string_view help);
  Exposition& Histograms(std::string_view name, std::string_view help);
  // A sample of the last family.
  Exposition& Add(double value) { return Add(Labels{}, value); }
  Exposition& Add(std::string_view label, std::string_view label_value, double value) {
    return Add({{label, label_value}}, value);
  }
  Exposition& Add(Labels labels, double value);
  Exposition& Add(Labels labels, const Histogram& histogram);

  std::string Take() { return std::move(text_); }

 private:
  Exposition& Begin(std::string_view name, std::string_view help, std::string_view type);
  // One line; `bound` is the label "le" of a bucket, empty where there is none.
  void Line(std::string_view suffix, Labels labels, std::string_view bound, double value);

  std::string text_;
  std::string name_;  // of the last family
};

}  // namespace vm0::metrics
