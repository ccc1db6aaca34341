// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"

namespace vm0::agent {

// What one raw event means, in terms common to all agents. Their JSON form is
// docs/parsed-events.md.
struct Init {
  std::string agent;  // for people: "Claude Code"
  std::string session_id;
  std::string model;
  std::vector<std::string> tools;
  std::optional<std::string> cwd;  // absent when empty
};
struct Text {
  std::string text;
};
struct Thinking {
  std::string text;
};
struct ToolUse {
  std::string tool;
  std::string tool_use_id;
  json::object input;
};
struct ToolResult {
  std::string tool_use_id;
  json::value result;  // null when missing; a string, or blocks as the agent wrote them
  bool is_error = false;
};
// The terminal event of a run, as the agent tells it.
struct ResultEvent {
  bool success = false;
  std::string result;  // the answer, or the error's text
  std::optional<double> duration_ms;
  std::optional<std::int64_t> num_turns;
  std::optional<double> cost_usd;
  std::optional<json::object> usage;
};
// A piece of a text that is still being written (--partial).
struct TextDelta {
  std::string text;     // empty in many that begin a text
  bool begins = false;  // a new text starts here; several may run before the first full one comes
};
// Something worth one dim line: an API retry, a permission that was denied.
struct Notice {
  std::string text;
};
// A line of dialect plain: an event nobody knows more about.
struct Plain {
  std::string type;
  std::string json;  // compact
};

struct ParsedEvent {
  // The tool call that this event's sub-agent works for; absent for the main agent.
  std::optional<std::string> parent_tool_use_id;
  std::variant<Init, Text, Thinking, ToolUse, ToolResult, ResultEvent, TextDelta, Notice, Plain>
      data;
};

// {"type":"tool_use","data":{…}}, for view=parsed; members absent in the struct are left out.
json::object ToJson(const ParsedEvent& event);

}  // namespace vm0::agent
