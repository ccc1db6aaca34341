// SPDX-License-Identifier: Apache-2.0
#include "agent/parsed_event.h"

#include <utility>

namespace vm0::agent {
namespace {

struct Form {
  std::string_view type;
  json::object data;
};

Form FormOf(const Init& init) {
  json::object data{{"agent", init.agent}, {"sessionId", init.session_id}, {"model", init.model}};
  json::array& tools = data["tools"].emplace_array();
  for (const std::string& tool : init.tools) tools.emplace_back(tool);
  if (init.cwd) data["cwd"] = *init.cwd;
  return {"init", std::move(data)};
}

Form FormOf(const Text& text) { return {"text", {{"text", text.text}}}; }

Form FormOf(const Thinking& thinking) { return {"thinking", {{"text", thinking.text}}}; }

Form FormOf(const ToolUse& use) {
  return {"tool_use", {{"tool", use.tool}, {"toolUseId", use.tool_use_id}, {"input", use.input}}};
}

Form FormOf(const ToolResult& result) {
  json::object data{{"toolUseId", result.tool_use_id}};
  if (!result.result.is_null()) data["result"] = result.result;
  data["isError"] = result.is_error;
  return {"tool_result", std::move(data)};
}

Form FormOf(const ResultEvent& result) {
  json::object data{{"success", result.success}, {"result", result.result}};
  if (result.duration_ms) data["durationMs"] = *result.duration_ms;
  if (result.num_turns) data["numTurns"] = *result.num_turns;
  if (result.cost_usd) data["cost"] = *result.cost_usd;
  if (result.usage) data["usage"] = *result.usage;
  return {"result", std::move(data)};
}

Form FormOf(const TextDelta& delta) {
  return {"text_delta", {{"text", delta.text}, {"begins", delta.begins}}};
}

Form FormOf(const Notice& notice) { return {"notice", {{"text", notice.text}}}; }

Form FormOf(const Plain& plain) { return {"plain", {{"type", plain.type}, {"json", plain.json}}}; }

}  // namespace

json::object ToJson(const ParsedEvent& event) {
  Form form = std::visit([](const auto& data) { return FormOf(data); }, event.data);
  json::object object{{"type", form.type}};
  if (event.parent_tool_use_id) object["parentToolUseId"] = *event.parent_tool_use_id;
  object["data"] = std::move(form.data);
  return object;
}

}  // namespace vm0::agent
