// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "api/call.h"
#include "api/create_run.h"
#include "api/run_request.h"

namespace vm0::api {

// A stored config as this run has it: its references replaced by what the request gives, and its
// secrets that the request does not give by those that the user keeps here. kBadRequest with the
// whole list of what is missing, and how to give it; kBadRequest naming the config for one that is
// not right with the values in.
Result<ChosenAgent> ChooseConfig(const Call& call, const store::AgentConfig& row,
                                 const RunRequest& request);

// The value of a secret that the caller keeps here; nullopt when there is none.
Result<std::optional<std::string>> FindStoredSecret(const Call& call, const std::string& name);

// "Missing secrets: A, B. Set them with: …".
std::string DescribeMissing(const std::vector<std::string>& secrets,
                            const std::vector<std::string>& vars);

}  // namespace vm0::api
