// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace vm0::api {

// A point in time as people write it in a query: ISO 8601 ("2025-11-20", "2025-11-20T08:00",
// "2025-11-20T08:00:00.123Z", "…+01:00"; without a zone: UTC), or a unix time in seconds, in
// milliseconds from 12 digits on. Years 1970 to 9999. nullopt for anything else.
std::optional<WallTime> ParseTime(std::string_view text);

}  // namespace vm0::api
