// SPDX-License-Identifier: Apache-2.0
#include "agent/claude_code_dialect.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vm0::agent {
namespace {

std::string StringOr(const json::object& object, std::string_view name,
                     std::string_view otherwise = "") {
  return std::string(StringMember(object, name).value_or(otherwise));
}

// Anything but absent, null and false: a flag of unknown type must not look like success.
bool IsSet(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value != nullptr && !value->is_null() && !(value->is_bool() && !value->get_bool());
}

std::optional<double> NumberMember(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double number = value->to_number<double>();
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<std::int64_t> CountMember(const json::object& object, std::string_view name) {
  const auto number = NumberMember(object, name);
  if (!number || std::abs(*number) > 1e15) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

// Every event of a line repeats the call that it belongs to: a longer id than any agent makes could
// turn one line into gigabytes.
constexpr std::size_t kMaxParentBytes = 256;

// Collects what one raw event means; all of it belongs to the same (sub-)agent.
class Collector {
 public:
  explicit Collector(const json::object& raw) {
    const auto parent = StringMember(raw, "parent_tool_use_id");
    if (parent && !parent->empty() && parent->size() <= kMaxParentBytes)
      parent_ = std::string(*parent);
  }

  template <class Data>
  void Add(Data data) {
    events_.push_back({.parent_tool_use_id = parent_, .data = std::move(data)});
  }
  bool in_sub_agent() const { return parent_.has_value(); }
  std::vector<ParsedEvent> Take() { return std::move(events_); }

 private:
  std::optional<std::string> parent_;
  std::vector<ParsedEvent> events_;
};

std::vector<std::string> ToolNames(const json::object& raw) {
  std::vector<std::string> names;
  const json::value* tools = Member(raw, "tools");
  if (tools == nullptr || tools->is_null()) return names;
  if (!tools->is_array()) return {DisplayText(*tools)};
  for (const json::value& tool : tools->get_array()) names.push_back(DisplayText(tool));
  return names;
}

Init ParseInit(const json::object& raw) {
  Init init{.agent = "Claude Code",
            .session_id = StringOr(raw, "session_id"),
            .model = StringOr(raw, "model"),
            .tools = ToolNames(raw),
            .cwd = std::nullopt};
  const auto cwd = StringMember(raw, "cwd");
  if (cwd && !cwd->empty()) init.cwd = std::string(*cwd);
  return init;
}

// "API error 529 (overloaded), retry 1 of 10 in 518 ms"
Notice ParseApiRetry(const json::object& raw) {
  std::string text = "API error";
  if (const auto status = CountMember(raw, "error_status")) text += " " + std::to_string(*status);
  if (const auto error = StringMember(raw, "error")) text += " (" + std::string(*error) + ")";
  text += ", retry";
  if (const auto attempt = CountMember(raw, "attempt")) text += " " + std::to_string(*attempt);
  if (const auto most = CountMember(raw, "max_retries")) text += " of " + std::to_string(*most);
  if (const auto delay = NumberMember(raw, "retry_delay_ms"))
    text += " in " + JsNumber(std::round(*delay)) + " ms";
  return {std::move(text)};
}

Notice ParsePermissionDenied(const json::object& raw) {
  std::string text = "Permission denied: " + StringOr(raw, "tool_name", "a tool");
  const auto message = StringMember(raw, "message");
  if (message && !message->empty()) text += ": " + std::string(*message);
  return {std::move(text)};
}

void ParseSystem(const json::object& raw, Collector& out) {
  const std::string_view subtype = StringMember(raw, "subtype").value_or("");
  if (subtype == "init") out.Add(ParseInit(raw));
  if (subtype == "api_retry") out.Add(ParseApiRetry(raw));
  if (subtype == "permission_denied") out.Add(ParsePermissionDenied(raw));
}

ToolUse ParseToolUse(const json::object& block) {
  ToolUse use{.tool = StringOr(block, "name"), .tool_use_id = StringOr(block, "id"), .input = {}};
  if (const json::object* input = ObjectMember(block, "input")) use.input = *input;
  return use;
}

ToolResult ParseToolResult(const json::object& block) {
  ToolResult result{.tool_use_id = StringOr(block, "tool_use_id"),
                    .result = nullptr,
                    .is_error = IsSet(block, "is_error")};
  if (const json::value* content = Member(block, "content")) result.result = *content;
  return result;
}

// Tools that run at the model's provider (web search) come as blocks of their own kinds, the result
// in the assistant's message too.
bool IsToolUse(std::string_view type) { return type == "tool_use" || type.ends_with("_tool_use"); }
bool IsToolResult(std::string_view type) {
  return type == "tool_result" || type.ends_with("_tool_result");
}

void ParseAssistantBlock(const json::object& block, Collector& out) {
  const std::string_view type = StringMember(block, "type").value_or("");
  if (type == "text") {
    out.Add(Text{StringOr(block, "text")});
  } else if (type == "thinking") {
    // Models that keep their thoughts to themselves send the signature alone.
    std::string text = StringOr(block, "thinking");
    if (!text.empty()) out.Add(Thinking{std::move(text)});
  } else if (IsToolUse(type)) {
    out.Add(ParseToolUse(block));
  } else if (IsToolResult(type)) {
    out.Add(ParseToolResult(block));
  }
}

void ParseUserText(std::string_view text, Collector& out) {
  if (text.empty() || (out.in_sub_agent() && !text.starts_with("[Request interrupted"))) return;
  out.Add(Notice{std::string(text)});
}

void ParseUserBlock(const json::object& block, Collector& out) {
  const std::string_view type = StringMember(block, "type").value_or("");
  if (IsToolResult(type)) out.Add(ParseToolResult(block));
  if (type == "text") ParseUserText(StringMember(block, "text").value_or(""), out);
}

// The content of a message is an array of blocks or a string; `parse_text` takes the latter.
template <class ParseBlock, class ParseText>
void ParseMessage(const json::object& raw, Collector& out, ParseBlock parse_block,
                  ParseText parse_text) {
  const json::object* message = ObjectMember(raw, "message");
  if (message == nullptr) return;
  if (const auto text = StringMember(*message, "content")) return parse_text(*text, out);
  const json::array* content = ArrayMember(*message, "content");
  if (content == nullptr) return;
  for (const json::value& block : *content)
    if (block.is_object()) parse_block(block.get_object(), out);
}

void ParseAssistantText(std::string_view text, Collector& out) {
  if (!text.empty()) out.Add(Text{std::string(text)});
}

void ParseStreamEvent(const json::object& raw, Collector& out) {
  const json::object* event = ObjectMember(raw, "event");
  if (event == nullptr) return;
  const std::string_view type = StringMember(*event, "type").value_or("");
  if (type == "content_block_start") {
    const json::object* block = ObjectMember(*event, "content_block");
    if (block != nullptr && StringMember(*block, "type") == "text")
      out.Add(TextDelta{.text = StringOr(*block, "text"), .begins = true});
  } else if (type == "content_block_delta") {
    const json::object* delta = ObjectMember(*event, "delta");
    if (delta == nullptr || StringMember(*delta, "type") != "text_delta") return;
    std::string text = StringOr(*delta, "text");
    if (!text.empty()) out.Add(TextDelta{.text = std::move(text), .begins = false});
  }
}

bool IsTerminal(const json::object& raw) {
  return StringMember(raw, "type") == "result" &&
         (Member(raw, "subtype") != nullptr || Member(raw, "is_error") != nullptr);
}

std::string JoinErrors(const json::array& errors) {
  std::string text;
  for (const json::value& error : errors) {
    std::string one = DisplayText(error);
    if (error.is_object())
      if (const auto message = StringMember(error.get_object(), "message")) one = *message;
    if (!text.empty() && !one.empty()) text += '\n';
    text += one;
  }
  return text;
}

// Never empty: what went wrong, in the agent's words if it has any.
std::string FailureText(const json::object& raw) {
  std::string text = StringOr(raw, "result");
  if (text.empty())
    if (const json::array* errors = ArrayMember(raw, "errors")) text = JoinErrors(*errors);
  if (!text.empty()) return text;
  const std::string_view subtype = StringMember(raw, "subtype").value_or("");
  if (subtype == "error_max_turns") return "Reached the maximum number of turns";
  if (subtype.empty()) return "The agent's result has no subtype";
  return "The agent ended with " + std::string(subtype);
}

ResultEvent ParseResult(const json::object& raw) {
  ResultEvent event;
  event.success = StringMember(raw, "subtype") == "success" && !IsSet(raw, "is_error");
  event.result = event.success ? StringOr(raw, "result") : FailureText(raw);
  event.duration_ms = NumberMember(raw, "duration_ms");
  event.num_turns = CountMember(raw, "num_turns");
  event.cost_usd = NumberMember(raw, "total_cost_usd");
  if (const json::object* usage = ObjectMember(raw, "usage")) event.usage = *usage;
  return event;
}

void ParseResultLine(const json::object& raw, Collector& out) {
  if (IsTerminal(raw)) return out.Add(ParseResult(raw));
  const json::value* data = Member(raw, "data");
  out.Add(Notice{"Result of unknown form: " + vm0::ToJson(data != nullptr ? *data : raw)});
}

// A command that was left running ends with Claude Code; all else makes it go on when it is done.
bool WorksByItself(const json::value& task) {
  return task.is_object() && StringMember(task.get_object(), "task_type") != "local_bash";
}

class ClaudeCode final : public Dialect {
 public:
  std::string_view name() const override { return "claude-code"; }
  bool has_terminal_event() const override { return true; }

  std::vector<ParsedEvent> Parse(std::string_view raw) const override {
    const auto object = ParseJsonObject(raw, "event");
    if (!object) return {};
    Collector out(*object);
    const std::string_view type = StringMember(*object, "type").value_or("");
    if (type == "system") ParseSystem(*object, out);
    if (type == "assistant") ParseMessage(*object, out, ParseAssistantBlock, ParseAssistantText);
    if (type == "user") ParseMessage(*object, out, ParseUserBlock, ParseUserText);
    if (type == "stream_event") ParseStreamEvent(*object, out);
    if (type == "result") ParseResultLine(*object, out);
    return out.Take();
  }

  std::optional<Outcome> Terminal(std::string_view raw) const override {
    // Nearly all events end here. `type` is not the first member in 2.1.330.
    if (raw.find("\"result\"") == std::string_view::npos) return std::nullopt;
    const auto object = ParseJsonObject(raw, "event");
    if (!object || !IsTerminal(*object)) return std::nullopt;
    ResultEvent result = ParseResult(*object);
    return Outcome{result.success, std::move(result.result)};
  }

  std::optional<bool> Background(std::string_view raw) const override {
    if (raw.find("\"background_tasks_changed\"") == std::string_view::npos) return std::nullopt;
    const auto object = ParseJsonObject(raw, "event");
    if (!object || StringMember(*object, "type") != "system" ||
        StringMember(*object, "subtype") != "background_tasks_changed") {
      return std::nullopt;
    }
    const json::array* tasks = ArrayMember(*object, "tasks");
    return tasks != nullptr && std::ranges::any_of(*tasks, WorksByItself);
  }

  bool IsOfTurn(std::string_view raw) const override {
    const auto object = ParseJsonObject(raw, "event");
    if (!object || StringMember(*object, "parent_tool_use_id")) return false;
    const std::string_view type = StringMember(*object, "type").value_or("");
    if (type == "system") return StringMember(*object, "subtype") == "init";
    return type == "assistant" || type == "user" || type == "stream_event";
  }
};

}  // namespace

const Dialect& ClaudeCodeDialect() {
  static const ClaudeCode dialect;
  return dialect;
}

}  // namespace vm0::agent
