// SPDX-License-Identifier: Apache-2.0
#include "term/renderer.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include "base/text.h"
#include "term/format.h"
#include "term/sanitize.h"

namespace vm0::term {
namespace {

constexpr std::size_t kInputLimit = 100;
constexpr std::size_t kTextLimit = 200;
// A chain of calls could make every line as long as the chain.
constexpr std::size_t kMaxDepth = 8;
// Texts whose pieces were shown and whose full form did not come.
constexpr std::size_t kMaxPartials = 64;

// FNV-1a, continued from `hash`.
std::uint64_t Hash(std::string_view text, std::uint64_t hash) {
  constexpr std::uint64_t kOffset = 0xcbf29ce484222325;
  constexpr std::uint64_t kPrime = 0x100000001b3;
  hash ^= kOffset;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash ^ kOffset;
}

std::string Indent(std::string_view lines, std::size_t depth) {
  if (depth == 0) return std::string(lines);
  const std::string indent(depth * 2, ' ');
  std::string out;
  bool at_start = true;
  for (const char c : lines) {
    if (at_start) out += indent;
    at_start = c == '\n';
    out += c;
  }
  return out;
}

// Whether no full text can follow any more for the pieces that were shown before.
bool EndsMessage(const agent::ParsedEvent& event) {
  return !event.parent_tool_use_id && (std::holds_alternative<agent::Init>(event.data) ||
                                       std::holds_alternative<agent::ToolResult>(event.data) ||
                                       std::holds_alternative<agent::ResultEvent>(event.data));
}

// Text blocks joined by line breaks, other blocks as JSON.
std::string JoinBlocks(const json::array& blocks) {
  std::string out;
  for (const json::value& block : blocks) {
    if (!out.empty()) out += '\n';
    const json::object* object = block.if_object();
    const bool is_text = object != nullptr && StringMember(*object, "type") == "text";
    const auto text = is_text ? StringMember(*object, "text") : std::nullopt;
    out += text ? std::string(*text) : DisplayText(block);
  }
  return out;
}

std::string ResultText(const json::value& result) {
  if (result.is_null()) return "";
  if (result.is_array()) return JoinBlocks(result.get_array());
  return DisplayText(result);
}

double UsageOf(const json::object& usage, std::string_view name) {
  const json::value* count = Member(usage, name);
  return count != nullptr && count->is_number() ? count->to_number<double>() : 0;
}

// Builds the lines of one event.
class Block {
 public:
  Block(const Renderer::Options& options, std::string_view mark) : options_(options), mark_(mark) {}

  void Show(const agent::Init& init) {
    Label("[init]", Style::kCyan, "Starting " + SanitizeLine(init.agent) + " agent");
    Field("Session", SanitizeLine(init.session_id));
    Field("Model", SanitizeLine(init.model));
    Field("Tools", SanitizeLine(Join(init.tools, ", ")));
  }
  void Show(const agent::Text& text) { Label("[text]", Style::kBlue, Sanitize(text.text)); }
  void Show(const agent::Thinking& thinking) {
    Label("[thinking]", Style::kGray, Cut(thinking.text, kTextLimit));
  }
  void Show(const agent::ToolUse& use) {
    Label("[tool_use]", Style::kYellow, SanitizeLine(use.tool));
    for (const auto& [key, value] : use.input)
      if (!value.is_null()) Field(SanitizeLine(key), Cut(DisplayText(value), kInputLimit));
  }
  void Show(const agent::ToolResult& result) {
    if (result.is_error)
      Label("[tool_result]", Style::kRed, "Error");
    else
      Label("[tool_result]", Style::kGreen, "Completed");
    Line("  " + Gray(Cut(ResultText(result.result), kTextLimit)));
  }
  void Show(const agent::ResultEvent& result) {
    if (result.success)
      Label("[result]", Style::kGreen, "✓ completed successfully");
    else
      Label("[result]", Style::kRed, "✗ failed");
    if (!result.success && !result.result.empty()) Field("Error", Cut(result.result, kTextLimit));
    Field("Duration", FormatFixed(result.duration_ms.value_or(0) / 1000, 1) + "s");
    Field("Cost", "$" + FormatFixed(result.cost_usd.value_or(0), 4));
    Field("Turns", std::to_string(result.num_turns.value_or(0)));
    if (!result.usage) return;
    Field("Tokens", "input=" + FormatTokens(UsageOf(*result.usage, "input_tokens")) +
                        " output=" + FormatTokens(UsageOf(*result.usage, "output_tokens")));
  }
  // Its place is the open line; see RenderDelta.
  void Show(const agent::TextDelta&) {}
  void Show(const agent::Notice& notice) {
    const std::string text = options_.full ? notice.text : Truncate(notice.text, kTextLimit);
    Line(Paint(SanitizeLine(text), Style::kDim, options_.colour) + std::string(mark_));
  }
  void Show(const agent::Plain& plain) {
    const std::string text = options_.full ? plain.json : Truncate(plain.json, kTextLimit);
    Label("[" + SanitizeLine(plain.type) + "]", Style::kCyan, SanitizeLine(text));
  }

  std::string Take() { return std::move(lines_); }

 private:
  void Line(std::string_view line) {
    lines_ += line;
    lines_ += '\n';
  }
  void Label(std::string_view label, Style style, std::string_view rest) {
    lines_ += Paint(label, style, options_.colour);
    lines_ += mark_;
    lines_ += ' ';
    Line(rest);
  }
  void Field(std::string_view name, std::string_view value) {
    lines_ += "  ";
    lines_ += name;
    lines_ += ": ";
    Line(Gray(value));
  }
  std::string Gray(std::string_view text) const {
    return Paint(text, Style::kGray, options_.colour);
  }
  std::string Cut(std::string_view text, std::size_t limit) const {
    return options_.full ? Sanitize(text) : Sanitize(Truncate(text, limit));
  }

  const Renderer::Options& options_;
  std::string_view mark_;
  std::string lines_;
};

}  // namespace

std::string Renderer::Render(const agent::ParsedEvent& event, WallTime created_at) {
  if (std::holds_alternative<agent::TextDelta>(event.data) &&
      (!options_.partial || event.parent_tool_use_id))
    return "";
  if (IsRepeatedResult(event)) return "";
  const auto* delta = std::get_if<agent::TextDelta>(&event.data);
  if (delta != nullptr && delta->text.empty()) return RenderDelta(*delta, "");
  const std::string mark = Mark(created_at);
  if (delta != nullptr) return RenderDelta(*delta, mark);
  if (std::holds_alternative<agent::Text>(event.data)) return RenderText(event, mark);
  if (EndsMessage(event)) partials_.clear();
  return RenderBlock(event, mark);
}

std::string Renderer::RenderDelta(const agent::TextDelta& delta, std::string_view mark) {
  std::string out;
  if (delta.begins) out = CloseLine();
  if (delta.begins || partials_.empty()) partials_.emplace_back();
  if (partials_.size() > kMaxPartials) partials_.pop_front();
  if (delta.text.empty()) return out;
  if (!line_open_) {
    out += Paint("[text]", Style::kBlue, options_.colour);
    out += mark;
    out += ' ';
  }
  line_open_ = true;
  PartialText& partial = partials_.back();
  partial.bytes += delta.text.size();
  partial.hash = Hash(delta.text, partial.hash);
  return out + Sanitize(delta.text);
}

std::string Renderer::RenderText(const agent::ParsedEvent& event, std::string_view mark) {
  if (!event.parent_tool_use_id)
    if (auto end = CompletePartial(std::get<agent::Text>(event.data).text)) return *end;
  return RenderBlock(event, mark);
}

std::optional<std::string> Renderer::CompletePartial(std::string_view text) {
  const auto is_start_of_text = [&](const PartialText& partial) {
    return partial.bytes > 0 && partial.bytes <= text.size() &&
           Hash(text.substr(0, partial.bytes), 0) == partial.hash;
  };
  const auto found = std::ranges::find_if(partials_, [&](const PartialText& partial) {
    return partial.bytes == text.size() && is_start_of_text(partial);
  });
  if (found != partials_.end()) {
    const bool is_last = found + 1 == partials_.end();
    partials_.erase(partials_.begin(), found + 1);
    return is_last ? CloseLine() : "";
  }
  assert(!line_open_ || !partials_.empty());
  if (!line_open_ || !is_start_of_text(partials_.back())) return std::nullopt;
  const std::size_t shown = partials_.back().bytes;
  partials_.clear();
  return Sanitize(text.substr(shown)) + CloseLine();
}

std::string Renderer::RenderBlock(const agent::ParsedEvent& event, std::string_view mark) {
  const std::size_t depth = DepthOf(event);
  if (const auto* use = std::get_if<agent::ToolUse>(&event.data); use && !use->tool_use_id.empty())
    sub_agent_depths_[use->tool_use_id] = std::min(depth + 1, kMaxDepth);
  Block block(options_, mark);
  std::visit([&](const auto& data) { block.Show(data); }, event.data);
  return CloseLine() + Indent(block.Take(), depth);
}

std::string Renderer::RenderLine(event::Source source, std::string_view text) {
  last_result_.reset();
  const std::string line = SanitizeLine(text);
  switch (source) {
    case event::Source::kAgent:
    case event::Source::kStdout:
      return CloseLine() + line + "\n";
    case event::Source::kStderr:
      return Paint(line, Style::kDim, options_.stderr_colour) + "\n";
    case event::Source::kVm0:
      return Paint("[vm0] " + line, Style::kDim, options_.stderr_colour) + "\n";
  }
  return "";
}

std::string Renderer::CloseLine() { return std::exchange(line_open_, false) ? "\n" : ""; }

std::string Renderer::Mark(WallTime created_at) {
  const auto previous = std::exchange(previous_, created_at);
  if (!options_.verbose || !previous) return "";
  return " " + Paint(FormatElapsed(created_at - *previous), Style::kGray, options_.colour);
}

bool Renderer::IsRepeatedResult(const agent::ParsedEvent& event) {
  if (!std::holds_alternative<agent::ResultEvent>(event.data)) {
    last_result_.reset();
    return false;
  }
  json::object result = agent::ToJson(event);
  if (last_result_ == result) return true;
  last_result_ = std::move(result);
  return false;
}

std::size_t Renderer::DepthOf(const agent::ParsedEvent& event) const {
  if (!event.parent_tool_use_id) return 0;
  const auto found = sub_agent_depths_.find(*event.parent_tool_use_id);
  return found == sub_agent_depths_.end() ? 1 : found->second;
}

}  // namespace vm0::term
