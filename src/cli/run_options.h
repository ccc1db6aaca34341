// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/spec.h"
#include "base/result.h"
#include "base/time.h"
#include "cli/environment.h"
#include "cli/options.h"
#include "client/event_reader.h"

namespace vm0::cli {

// How a run's events are shown.
enum class Format {
  kText,  // rendered
  kJson,  // the API's envelope, one a line
  kRaw,   // the stored bytes of the agent's stdout
  kNone,  // nothing but errors
};

// How events are fetched.
struct FetchOptions {
  std::optional<client::Transport> transport;  // nullopt: what works
  // The pauses of plain polls: after news, and the longest.
  Micros interval = Millis(250);
  Micros interval_max = Seconds(5);
  bool verbose = false;  // says when another transport is used
};

// The options of commands that show events.
struct ShowOptions {
  Format format = Format::kText;
  bool full = false;
  bool verbose = false;
};

struct RunOptions {
  std::string agent;  // built-in name, name or id of a config, or a YAML file
  std::string prompt;
  std::map<std::string, std::string> environment;  // -e
  std::map<std::string, std::string> secrets;      // --secret NAME=VALUE
  std::vector<std::string> named_secrets;          // --secret NAME
  std::map<std::string, std::string> vars;         // --var
  std::string env_file;                            // empty: .env, if there is one
  agent::Workspace workspace;                      // path as given
  bool detach = false;
  std::optional<Seconds> timeout;
  std::string sandbox;  // empty: the config's or the server's
  std::string network;
  std::vector<std::string> allow;  // rules; empty: the config's
  bool partial = false;
  ShowOptions show;
  FetchOptions fetch;
};

// "K=V": kBadRequest "Invalid env var format: X (expected key=value)" for an empty key or value or
// no
// "=".
Result<std::pair<std::string, std::string>> ParseAssignment(const std::string& text);
// "DIR", "DIR:copy", "DIR:ro", "DIR:rw". A folder whose name ends like a mode: write the mode.
Result<agent::Workspace> ParseWorkspace(const std::string& text);

// The rules as they are, once each of them can be read (base/host_rule.h).
Result<std::vector<std::string>> Rules(std::string_view option, std::vector<std::string> rules);

// The raw arguments of the options below; declared with the parser, then turned into their meaning.
struct FetchArguments {
  std::optional<std::string> transport;
  std::optional<std::int64_t> interval_ms;
  std::optional<std::int64_t> max_ms;

  void Declare(ArgumentParser& parser);
  // VM0_TRANSPORT, VM0_POLL_INTERVAL and VM0_POLL_MAX (milliseconds) count when their options are
  // not given.
  Result<FetchOptions> Read(const Environment& environment) const;
};
struct ShowArguments {
  bool full = false;
  bool json = false;
  bool raw = false;
  bool quiet = false;
  bool verbose = false;

  ShowOptions Read() const;
};

// The arguments of `vm0 run`.
struct RunArguments {
  std::string agent;
  std::string prompt;
  std::vector<std::string> environment;
  std::vector<std::string> secrets;
  std::vector<std::string> vars;
  std::optional<std::string> env_file;
  std::optional<std::string> workspace;
  bool detach = false;
  std::optional<std::string> timeout;
  std::optional<std::string> sandbox;
  std::optional<std::string> network;
  std::vector<std::string> allow;
  bool partial = false;
  ShowArguments show;
  FetchArguments fetch;

  void Declare(ArgumentParser& parser);
  Result<RunOptions> Read(const Environment& environment) const;
};

}  // namespace vm0::cli
