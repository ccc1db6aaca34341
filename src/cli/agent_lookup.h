// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <string>

#include "agent/adapter.h"
#include "agent/config.h"
#include "agent/templates.h"
#include "cli/session.h"

namespace vm0::cli {

// What the <agent> of `vm0 run` may be.
enum class AgentKind { kBuiltIn, kFile, kConfigId, kConfigName };
// A text with '.' or '/' is a file, since no name has them; then ids, then built-in names.
AgentKind KindOfAgent(std::string_view agent);

// An agent that the server knows.
struct FoundAgent {
  std::string config_id;  // empty for a built-in one
  std::string name;
  agent::Config config;  // the defaults for a built-in one; its references not replaced
  agent::References references;
  // nullptr when the provider is one of a newer server: it knows better.
  const agent::Adapter* adapter = nullptr;
};

// Finds the agent, building it first when it is a file, and says so in the reference's lines on
// stderr. The exit code when it can not be found: the reason has been printed.
asio::awaitable<std::expected<FoundAgent, int>> FindAgent(Session& session, std::string agent);

}  // namespace vm0::cli
