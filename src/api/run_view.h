// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace vm0::api {

// What is known of a run beside its row.
struct RunContext {
  std::optional<std::int64_t> place;          // in the queue, if it is there
  std::optional<std::string> activity;        // JSON (liveness.h), while its agent runs
  std::optional<std::int64_t> last_sequence;  // while it runs: of its last event, or 0
  store::Pruned pruned;
};
// {"lastSequence","at"?}; nullopt where nothing was pruned.
std::optional<std::string> FormatPruned(const store::Pruned& pruned);

// A run in a list. A prompt of more than 1,000 characters is cut, and "promptCut":true says so.
std::string FormatListedRun(const store::Run& run, const RunContext& context);

// A run with all that is known about it. `secret_names`: of its secrets while they are kept.
// Where the stored spec can't be read, "specProblem" says so in the place of what it holds.
Result<std::string> FormatRun(const store::Run& run, const std::vector<std::string>& secret_names,
                              std::int64_t last_sequence, const RunContext& context);

}  // namespace vm0::api
