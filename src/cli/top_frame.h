// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "client/metrics_text.h"
#include "term/style.h"

namespace vm0::cli {

// What `vm0 top` shows at one moment.
struct TopView {
  std::string server;  // its address
  const client::MetricsText& now;
  // What rates and lags are counted from; nullptr: the server's start.
  const client::MetricsText* before = nullptr;
  Micros span{0};           // since `before`
  const json::array& runs;  // live ones, as GET /api/agent/runs lists them
  WallTime time{};
  std::string problem;  // why it is old; empty when it is not
};

struct TopSize {
  std::size_t columns;
  std::size_t rows;
};

// Its lines: totals, then the runs. They are cut to `size`, the last one then says how many runs
// there are beside. Harmless for a terminal.
std::vector<std::string> FormatTop(const TopView& view, std::optional<TopSize> size,
                                   term::Colour colour);

}  // namespace vm0::cli
