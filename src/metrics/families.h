// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "metrics/metrics.h"

namespace vm0::metrics {

struct ServerFacts {
  std::string version;
  WallTime started_at{};
};

// The metrics whose numbers others keep, as they are now.
std::vector<prometheus::MetricFamily> ReadFamilies(const Metrics::Sources& sources,
                                                   const ServerFacts& server);

}  // namespace vm0::metrics
