// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>

#include "client/run_client.h"
#include "runner/context.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// Sees to it that the server takes the messages of a supervisor that lives, which it does not where
// its database was put back to an older copy: has it adopt the attempt, and leaves the new token in
// the directory, where the supervisor looks for it; takes the token away when the server does not
// know the run or has ended it, which ends the supervisor. Tries until the server answers or the
// runner stops. Blocks for a few file operations.
asio::awaitable<void> Introduce(Context& context, client::RunnerClient& server,
                                const supervisor::RunDir& dir);

}  // namespace vm0::runner
