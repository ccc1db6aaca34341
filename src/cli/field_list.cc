// SPDX-License-Identifier: Apache-2.0
#include "cli/field_list.h"

#include "term/sanitize.h"

namespace vm0::cli {
namespace {

std::string IndentFurtherLines(std::string_view text, const std::string& indent) {
  std::string indented;
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += indent;
  }
  return indented;
}

void AppendFields(std::string& text, const json::object& object, const std::string& indent) {
  for (const auto& member : object) {
    const std::string name = term::SanitizeLine(member.key());
    if (member.value().is_object() && !member.value().get_object().empty()) {
      text += indent + name + ":\n";
      AppendFields(text, member.value().get_object(), indent + "  ");
    } else if (member.key() != "runId") {
      const std::string value = term::Sanitize(DisplayText(member.value()));
      text += indent + name + ": " + IndentFurtherLines(value, indent + "  ") + "\n";
    }
  }
}

}  // namespace

std::string FormatFields(const json::object& run) {
  std::string text;
  AppendFields(text, run, "");
  return text;
}

}  // namespace vm0::cli
