// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect.h"
#include "base/result.h"

namespace vm0::agent {

// What to run, as the run's spec has it.
struct LaunchRequest {
  std::string prompt;
  std::string binary;                // absolute path; empty for provider command
  std::vector<std::string> command;  // provider command only
  bool partial = false;              // partial messages (--partial)
};

// argv[0] is the path to execute. The environment comes on top of HOME, PATH, LANG, TERM and the
// user's own variables, which win over it.
struct Launch {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
};

// How an agent is kept from its own credentials: it is told to send its requests to a proxy of
// ours, which knows them.
struct Gateway {
  std::string_view base_url_variable;  // "ANTHROPIC_BASE_URL"
  std::string_view default_url;        // where requests go when the user has not set it
  // Variables that hold a credential; the agent gets placeholders in them.
  std::vector<std::string_view> credential_variables;
};

// One coding agent: how it is started, how its events are read. Stateless, lives for ever.
class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual std::string_view name() const = 0;          // "claude-code"
  virtual std::string_view display_name() const = 0;  // "Claude Code"
  // The program's name on PATH; empty if the config's `command` is it.
  virtual std::string_view program() const = 0;
  virtual Launch Command(const LaunchRequest& request) const = 0;
  virtual const Dialect& default_dialect() const = 0;
  // Variables that the CLI forwards from its own environment as secrets.
  virtual std::vector<std::string_view> credential_variables() const = 0;
  // Whether one of these names is enough to log in (ANTHROPIC_BASE_URL alone is not).
  virtual bool HasCredential(const std::vector<std::string>& names) const = 0;
  // nullopt for an agent that can't be told where its endpoint is.
  virtual std::optional<Gateway> gateway() const = 0;
  // Hosts that the agent can't do without, as rules of an allow-list ("host:port"); what it reaches
  // by its gateway is not among them.
  virtual std::vector<std::string_view> needed_hosts() const = 0;
  // How to get a credential, for people; empty if none is needed.
  virtual std::string_view credential_remedy() const = 0;
};

// By the name in `provider:` or on the command line; nullptr for an unknown one.
const Adapter* FindAdapter(std::string_view name);
// Names of all adapters.
std::vector<std::string_view> AdapterNames();

}  // namespace vm0::agent
