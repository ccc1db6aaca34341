// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/spec.h"
#include "api/api.h"
#include "api/run_request.h"
#include "run/runs.h"

namespace vm0::api {

inline constexpr std::string_view kDefaultSandbox = "bubblewrap";
inline constexpr std::string_view kNoSandbox = "none";
inline constexpr std::string_view kExternalSandbox = "external";

// What the request's agent stands for.
struct ChosenAgent {
  std::optional<ConfigId> config_id;  // absent for a built-in agent
  agent::Config config;
  std::set<std::string> secret_variables = {};  // of config.environment: they hold secrets
  store::Secrets secrets = {};                  // those that the config refers to
};

// What this server lets this caller do.
struct RunPolicy {
  Unsandboxed unsandboxed = Unsandboxed::kRefused;
  SandboxLookup find_sandbox = FindNoSandbox;
  bool host_scope = false;
  std::vector<std::string> allow = {};  // for every run with an allow-list, on top of its own
  std::vector<std::string> deny = {};
};

// Puts request and config together (the request wins), checks what only shows then, and makes the
// run's spec. Errors: kBadRequest; kForbidden and kSandboxUnavailable with the remedy. User and
// idempotency key are left for the caller to fill in.
Result<run::NewRun> MakeRun(const RunRequest& request, const ChosenAgent& chosen,
                            const RunPolicy& policy);

}  // namespace vm0::api
