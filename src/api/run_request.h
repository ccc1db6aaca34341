// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/spec.h"
#include "base/json.h"
#include "base/result.h"

namespace vm0::api {

// The prompt is one argument of the agent, and one variable: Linux takes 128 KiB each.
inline constexpr std::size_t kMaxPromptBytes = 120'000;
inline constexpr std::size_t kMaxVariables = 1000;
// What Linux takes as one string of an environment, "NAME=value" with its NUL.
inline constexpr std::size_t kMaxVariableBytes = 128 << 10;

// The body of POST /api/agent/runs, each field checked by itself.
struct RunRequest {
  std::optional<std::string> agent_config_id;  // exactly one of these two
  std::optional<std::string> agent;
  std::string prompt;
  std::map<std::string, std::string> environment;  // env, or the reference's name dynamicVars
  std::map<std::string, std::string> secrets;
  std::vector<std::string> stored_secrets;            // variables, from what the user keeps here
  std::map<std::string, std::string> vars;            // for ${{ vars.NAME }} of the config
  std::map<std::string, std::string> config_secrets;  // for ${{ secrets.NAME }}, before kept ones
  std::optional<agent::Workspace> workspace;
  std::optional<Seconds> timeout;
  std::optional<std::string> sandbox;
  std::optional<std::string> network;
  std::optional<std::vector<std::string>> allow;
  std::optional<std::string> binary;
  std::optional<int> max_attempts;
  bool partial = false;
};

// kBadRequest naming the field, in the reference's words where it has them; fields that are not
// known are refused by name.
Result<RunRequest> ParseRunRequest(const json::object& body);

}  // namespace vm0::api
