// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

enum class Pruning { kRemove, kOnlyCount };

// Removes workspace, home and log of a run that has ended, durably; of the directory only its lock
// and the note `started` stay, which keeps an older copy of the database from running it again.
// Gives the bytes that they took on disk. nullopt, and all is left, when somebody holds the run's
// lock, or there is something that its end has not done with: spec.json, a spool, its uid, its
// /tmp. What we know nothing of is left, too. Blocks; any thread.
Result<std::optional<std::int64_t>> PruneRunDir(const supervisor::RunDir& dir, Pruning what);

}  // namespace vm0::runner
