// SPDX-License-Identifier: Apache-2.0
#include "cli/network_line.h"

#include "term/sanitize.h"

namespace vm0::cli {
namespace {

constexpr std::size_t kMethodWidth = 7;

std::string TextOf(const json::object& object, std::string_view name) {
  return std::string(StringMember(object, name).value_or(""));
}

// As text, since a number that is like a secret is masked.
std::string NumberOf(const json::object& object, std::string_view name) {
  const json::value* value = Member(object, name);
  return value == nullptr ? "?" : DisplayText(*value);
}

std::string Padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string Outcome(const json::object& event) {
  if (IsRefusal(event)) {
    const bool many = Member(event, "times") != nullptr;
    return "refused: " + TextOf(event, "refusal") +
           (many ? " (" + NumberOf(event, "times") + " times)" : "");
  }
  return "sent " + NumberOf(event, "sent") + " B, received " + NumberOf(event, "received") +
         " B, " + NumberOf(event, "ms") + " ms";
}

}  // namespace

std::optional<json::object> NetworkEventOf(const client::ReceivedEvent& event) {
  if (event.source != event::Source::kVm0) return std::nullopt;
  auto object = ParseJsonObject(event.data, "event");
  if (!object || StringMember(*object, "event") != "network") return std::nullopt;
  return std::move(*object);
}

bool IsRefusal(const json::object& network_event) {
  return Member(network_event, "refusal") != nullptr;
}

std::string FormatNetworkLine(const json::object& event, WallTime time, term::Colour colour) {
  const std::string method = TextOf(event, "method");
  const std::string text = FormatIso(time) + "  " + Padded(NumberOf(event, "status"), 3) + "  " +
                           Padded(method.empty() ? "-" : method, kMethodWidth) + "  " +
                           TextOf(event, "host") + TextOf(event, "path") + "  " + Outcome(event);
  const std::string line = term::SanitizeLine(text);
  return (IsRefusal(event) ? term::Paint(line, term::Style::kRed, colour) : line) + "\n";
}

}  // namespace vm0::cli
