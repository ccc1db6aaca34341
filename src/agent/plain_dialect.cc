// SPDX-License-Identifier: Apache-2.0
#include "agent/plain_dialect.h"

#include "event/classify.h"

namespace vm0::agent {
namespace {

// Text and not a parsed value, so that numbers, duplicate keys and escapes stay as written.
std::string WithoutWhiteSpace(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < json.size()) out += json[++i];
      if (c == '"') in_string = false;
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      out += c;
      in_string = c == '"';
    }
  }
  return out;
}

class Plainly final : public Dialect {
 public:
  std::string_view name() const override { return "plain"; }
  bool has_terminal_event() const override { return false; }
  std::optional<Outcome> Terminal(std::string_view) const override { return std::nullopt; }
  std::optional<bool> Background(std::string_view) const override { return std::nullopt; }
  bool IsOfTurn(std::string_view) const override { return false; }

  std::vector<ParsedEvent> Parse(std::string_view raw) const override {
    if (!event::IsEvent(raw)) return {};
    std::vector<ParsedEvent> events;
    events.push_back({.parent_tool_use_id = std::nullopt,
                      .data = Plain{event::TypeOf(raw), WithoutWhiteSpace(raw)}});
    return events;
  }
};

}  // namespace

const Dialect& PlainDialect() {
  static const Plainly dialect;
  return dialect;
}

}  // namespace vm0::agent
