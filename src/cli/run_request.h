// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/agent_lookup.h"
#include "cli/environment.h"
#include "cli/run_options.h"

namespace vm0::cli {

// What `vm0 run` asks of the server, and what the user should know about it.
struct RunRequest {
  json::object body;      // of POST /api/agent/runs
  std::string variables;  // JSON of -e and --secret, values of secrets hidden; empty for none
  std::vector<std::string> notices;
};

// Where a server and a client are to one another.
enum class Distance { kSameMachine, kElsewhere };

// Builds the request: -e names that look like secrets become secrets, the agent's credentials are
// forwarded from `environment` (never over what -e or --secret gave), the agent's program is found
// on our PATH and the workspace made absolute when the server sees the same files.
// kUnauthorized when the agent has no credential at all, kNotFound when its program or the
// workspace is missing; messages are "<headline>\n<detail>".
Result<RunRequest> MakeRunRequest(const RunOptions& options, const FoundAgent& agent,
                                  const Environment& environment, Distance distance);

}  // namespace vm0::cli
