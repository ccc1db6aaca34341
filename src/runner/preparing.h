// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>

#include "runner/context.h"
#include "runner/run_files.h"

namespace vm0::runner {

// What a directory may take to be made, most of it the copy of a folder.
inline constexpr Seconds kPreparationLimit{600};
// How often the server is asked meanwhile whether the run is still wanted.
inline constexpr Seconds kClaimCheck{5};
// Until work that was told to end is left behind.
inline constexpr Seconds kHaltPatience{10};

// PrepareRun on a thread of its own; the caller holds the run's lock. Ends early, as an error that
// people read, when the run has ended meanwhile or kPreparationLimit is over; kUnavailable when the
// runner stops or the machine has no thread for it. Whatever the file systems do, it comes back.
asio::awaitable<Status> PrepareInTime(Context& context, Preparation preparation);

}  // namespace vm0::runner
