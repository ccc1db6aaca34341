// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "metrics/exposition.h"
#include "metrics/metrics.h"

namespace vm0::metrics {

struct ServerFacts {
  std::string version;
  WallTime started_at{};
};

// Writes the metrics whose numbers others keep, as they are now.
void WriteFamilies(Exposition& out, const Metrics::Sources& sources, const ServerFacts& server);

}  // namespace vm0::metrics
