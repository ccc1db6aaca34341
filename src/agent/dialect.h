// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/parsed_event.h"

namespace vm0::agent {

// How an agent ended, by its own word.
struct Outcome {
  bool success = false;
  std::string result;  // the answer; for a failure what went wrong, for people
};

// How the events that an agent prints are read. Stateless; lives for the whole program; any thread.
class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;
  // What a raw event (source agent) means; empty for events that show nothing. Takes anything:
  // events of unknown type or shape give nothing and never fail.
  virtual std::vector<ParsedEvent> Parse(std::string_view raw) const = 0;
  // Whether an agent of this dialect ends with a terminal event.
  virtual bool has_terminal_event() const = 0;
  // The outcome if `raw` is a terminal event. Cheap for other events: called on each. An agent may
  // print several (Claude Code with background sub-agents does): the last one counts.
  virtual std::optional<Outcome> Terminal(std::string_view raw) const = 0;
  // Whether agents that this one has started work on in the background, so that it goes on by
  // itself also after a terminal event; nullopt if `raw` does not tell. Cheap for other events.
  virtual std::optional<bool> Background(std::string_view raw) const = 0;
  // Whether `raw` is of a turn of the agent itself, so that another terminal event will follow.
  virtual bool IsOfTurn(std::string_view raw) const = 0;
};

// "plain", "claude-code"; nullptr for an unknown name.
const Dialect* FindDialect(std::string_view name);
std::vector<std::string_view> DialectNames();

}  // namespace vm0::agent
