// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vm0::client {

// The metrics of a server at one moment (docs/metrics.md): a value.
class MetricsText {
 public:
  using Labels = std::map<std::string, std::string>;

  // The text format of Prometheus, version 0.0.4. kUnreachable naming a line that is none of it.
  static Result<MetricsText> Parse(std::string_view text);

  // Of all samples of that name with these labels, whatever else they have; 0 if there is none.
  double Sum(std::string_view name, const Labels& labels = {}) const;
  // A label of the first sample of that name; empty if there is none.
  std::string LabelOf(std::string_view name, const std::string& label) const;
  // The value below which the part `quantile` (0 to 1) of what a histogram has seen lies, of what
  // came after `before` if there is one; nullopt when that is nothing. Within a bucket it is
  // guessed as Prometheus does.
  std::optional<double> Quantile(double quantile, const std::string& name, const Labels& labels,
                                 const MetricsText* before) const;

 private:
  struct Sample {
    std::string name;
    Labels labels;
    double value = 0;
  };
  static Result<Sample> ParseSample(std::string_view line);
  // How many a histogram has counted up to each bound.
  std::map<double, double> BucketsOf(const std::string& name, const Labels& labels) const;

  std::vector<Sample> samples_;
};

}  // namespace vm0::client
