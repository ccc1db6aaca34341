// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/time.h"

namespace vm0::term {

// `value` with that many decimals (0 to 6), as JavaScript's toFixed: rounds by the exact value, a
// tie away from zero (printf rounds it to even): 0.25 with 1 decimal is "0.3".
std::string FormatFixed(double value, int decimals);

// A number of tokens: below 1000 as it is, else whole thousands, rounded down: 28543 is "28k".
std::string FormatTokens(double count);

// Time between two events: "[+500ms]" below a second, else "[+2.3s]".
std::string FormatElapsed(Micros elapsed);

// At most `limit` UTF-16 units of `text` (valid UTF-8), never half a code point, with "..." behind
// if something was cut.
std::string Truncate(std::string_view text, std::size_t limit);

}  // namespace vm0::term
