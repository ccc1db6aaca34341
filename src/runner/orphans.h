// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "e2b/control_plane.h"
#include "runner/cloud.h"
#include "runner/context.h"

namespace vm0::runner {

// How often sandboxes are looked for that are nobody's: made for a run that was ended or given back
// meanwhile, or whose making was answered to nobody.
inline constexpr Seconds kOrphanCheck{60};

// Whether a run of this machine has or may have that sandbox.
using IsOwned = std::function<bool(const e2b::ListedSandbox&)>;

// Ends the sandboxes of this machine that nobody owns, at once and each kOrphanCheck, until the
// runner stops. Loop thread only.
asio::awaitable<void> RemoveOrphans(Context& context, const Cloud& cloud, IsOwned is_owned);

}  // namespace vm0::runner
