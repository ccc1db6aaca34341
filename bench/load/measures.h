// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "options.h"

namespace load {

// Figures by name, printed as one JSON object.
using Figures = std::vector<std::pair<std::string, double>>;

// connections, each with one request under way, for `seconds`: records_per_s, p50_us, p99_us.
Figures MeasureAppend(const Options& options);
// `count` records at `rate`, from their writing to their reader: p50_us, p99_us, max_us.
Figures MeasureLatency(const Options& options);
// `connections` readers of one target, `count` records one after the other: p50_us until the last
// reader has it, and bytes_per_reader of the memory of `pid`.
Figures MeasureFanOut(const Options& options);
// `count` pages of 100 at each of `since`, in turn: p50_us_at_SINCE.
Figures MeasurePages(const Options& options);
// The command, `count` times: p50_us and min_us from its start to its end.
Figures MeasureSpawn(const Options& options);
// The command, once: us until its first byte of output.
Figures MeasureFirstByte(const Options& options);
// The command once for each of `targets`, in which {} is the target; the stamps in their outputs:
// p50_us, p99_us.
Figures MeasureStamps(const Options& options);
// An agent: `count` stamped records, `rate` a second, on stdout.
Figures Tick(const Options& options);

// The value at `part` (0..1) of the whole, in µs, of nanoseconds in any order.
double Percentile(std::vector<std::int64_t>& values, double part);

}  // namespace load
