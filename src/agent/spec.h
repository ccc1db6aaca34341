// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config.h"

namespace vm0::agent {

// The sandbox that is a machine elsewhere, rented for the run (docs/e2b.md).
inline constexpr std::string_view kCloudSandbox = "e2b";

// Where the agent works.
struct Workspace {
  enum class Mode { kFresh, kCopy, kReadOnly, kReadWrite };
  Mode mode = Mode::kFresh;
  std::string path;  // the folder on the host; empty for kFresh
};
std::string_view NameOf(Workspace::Mode mode);  // "fresh", "copy", "ro", "rw"
std::optional<Workspace::Mode> FindWorkspaceMode(std::string_view name);

// All that a supervisor needs to know to run an agent, but for the secrets: made when the run is
// created, stored with it, handed out by `claim`, kept in spec.json. Version 1.
struct RunSpec {
  std::string provider;              // adapter
  std::string dialect;               // never empty
  std::vector<std::string> command;  // provider command only
  std::string binary;                // what the CLI found; empty: searched on the runner's PATH
  std::string prompt;
  bool partial = false;
  std::map<std::string, std::string> environment;  // not the secrets
  Workspace workspace;
  std::string working_dir;  // inside; empty: the workspace
  std::string sandbox;      // "bubblewrap", "none", "e2b"
  std::string image;        // e2b: the template; empty: the runner's default
  std::string network;      // "none", "allowlist", "full"
  // Rules of the allow-list (egress/rules.h), complete: the server's, the config's or the
  // request's, groups spelled out. `deny` is the server's and wins.
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  // Made by somebody with host scope, who may name what reaches the host: the agent's program, an
  // endpoint of the LLM that is not public.
  bool host_scope = false;
  Limits limits;
  std::int64_t line_limit_bytes = 8 << 20;
  std::int64_t spool_limit_bytes = 1LL << 30;
};

// Whether a variable of that name is kept as a secret though it was not given as one: names ending
// in KEY, TOKEN, SECRET or PASSWORD, in capitals or not.
bool IsSecretName(std::string_view name);

json::object ToJson(const RunSpec& spec);
// kBadRequest naming the field, or the version when it is not 1.
Result<RunSpec> ParseRunSpec(const json::object& object);

}  // namespace vm0::agent
