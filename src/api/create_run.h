// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/spec.h"
#include "api/api.h"
#include "api/run_request.h"
#include "run/runs.h"

namespace vm0::api {

// The limits of a run that names none. The timeouts always hold; the others need a sandbox.
inline constexpr Seconds kDefaultTimeout{3600};
inline constexpr Seconds kDefaultIdleTimeout{1800};
inline constexpr std::int64_t kDefaultMemoryBytes = 4LL << 30;
inline constexpr std::int64_t kDefaultPids = 512;
inline constexpr double kDefaultCpu = 2;
inline constexpr std::int64_t kDefaultDiskBytes = 10LL << 30;

inline constexpr std::string_view kDefaultSandbox = "bubblewrap";
inline constexpr std::string_view kNoSandbox = "none";
inline constexpr std::string_view kExternalSandbox = "external";

// What the request's agent stands for.
struct ChosenAgent {
  std::optional<ConfigId> config_id;  // absent for a built-in agent
  agent::Config config;
};

// What this server lets this caller do.
struct RunPolicy {
  Unsandboxed unsandboxed = Unsandboxed::kRefused;
  std::set<std::string> sandboxes;
  bool host_scope = false;
};

// Puts request and config together (the request wins), checks what only shows then, and makes the
// run's spec. Errors: kBadRequest; kForbidden and kSandboxUnavailable with the remedy. User and
// idempotency key are left for the caller to fill in.
Result<run::NewRun> MakeRun(const RunRequest& request, const ChosenAgent& chosen,
                            const RunPolicy& policy);

}  // namespace vm0::api
