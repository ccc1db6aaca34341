// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0 {

using Micros = std::chrono::microseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
// For display and for `createdAt`; never for decisions.
using WallTime = std::chrono::sys_time<Micros>;
// For decisions inside one process; does not advance while the machine sleeps (CLOCK_MONOTONIC).
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Micros>;

// "2025-11-20T08:00:00.000Z", the format of the API; microseconds are cut off. Years above 9999
// have a sign and six digits, as in ECMAScript.
std::string FormatIso(WallTime time);
// "2025-11-20T08:00:00Z", without milliseconds, for log views.
std::string FormatIsoSeconds(WallTime time);
// The longest duration that ParseDuration takes; its microseconds fit in 64 bits many times.
inline constexpr Seconds kMaxDuration = std::chrono::hours(24 * 3650);
// "90", "90s", "30m", "2h", "1d", or a sum such as "1h30m" (each part with its unit): whole
// seconds, from 1 to kMaxDuration. kBadRequest with a message that shows the forms otherwise.
Result<Seconds> ParseDuration(std::string_view text);
// "45s", "30m", "1h 30m", "2d 3h": the two largest units, for people.
std::string FormatDuration(Seconds duration);

}  // namespace vm0
