// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "sandbox/sandbox.h"
#include "supervisor/run_dir.h"

namespace vm0::supervisor {

// What to run for a run: the adapter's command line and the agent's whole environment, which is
// PATH, LANG, TERM, USER, LOGNAME and VM0_RUN_ID, then the adapter's variables, the user's, and the
// secrets, each winning over those before (HOME is the sandbox driver's; VM0_RUN_ID is always ours,
// since what a run leaves behind is found by it). `search_path` is where the agent's program is
// looked for when the spec does not name it, and a part of its PATH. kNotFound naming the program;
// kBadRequest for a provider or a network that we do not know.
Result<sandbox::BoxSpec> MakeBoxSpec(const StoredRun& run, const RunDir& dir,
                                     const std::map<std::string, std::string>& secrets,
                                     const std::string& search_path);

}  // namespace vm0::supervisor
