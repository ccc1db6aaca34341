// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "cli/output.h"

namespace vm0::cli {

// Text in columns, two spaces apart, the last one ragged. Cells are made harmless for a terminal
// and kept on one line; widths count characters.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

// What a run's `activity` tells, for people: "last event 12m ago, supervisor heard of 5s ago".
std::string FormatActivity(const json::object& activity, WallTime now);

// What a run's `pruned` tells, for people.
std::string FormatPruned(const json::object& pruned, WallTime now);

// The runs of GET /api/agent/runs as a table with a heading.
std::string FormatRuns(const json::array& runs, WallTime now);

// Live runs with their number of events and their activity, with a heading.
std::string FormatLiveRuns(const json::array& runs, WallTime now);

// "5s", "3m", "2h", "4d".
std::string FormatSpan(Micros span);

// "1st", "22nd", "113th".
std::string FormatOrdinal(std::int64_t number);

// "5s ago", "3m ago", "2h ago", "4d ago" of an ISO time of the API; the text itself if it is none.
std::string FormatAge(std::string_view iso, WallTime now);

}  // namespace vm0::cli
