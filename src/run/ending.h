// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "run/runs.h"

namespace vm0::run {

// The end record that a completion asks for, with N = `last_sequence` and that hash. A completed
// run has no reason.
store::RunEnd EndOf(RunId id, const Completion& completion, std::int64_t last_sequence,
                    std::string hash);

// Ends a run for good, inside of the transaction that has checked that 1..N are stored: end record,
// terminal row, secrets erased, tokens to expire. `run` becomes the row as it is stored. kConflict
// where Transition refuses.
Status EndRun(store::Stores& stores, store::Run& run, store::RunEnd end,
              const Completion& completion, WallTime now);

// Ends a run with what is stored of it: on the server's own word, for nobody else may.
Status EndWithStored(store::Stores& stores, store::Run& run, const Completion& completion,
                     WallTime now);

}  // namespace vm0::run
