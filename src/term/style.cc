// SPDX-License-Identifier: Apache-2.0
#include "term/style.h"

namespace vm0::term {
namespace {

struct Codes {
  std::string_view open;
  std::string_view close;
};

Codes CodesOf(Style style) {
  constexpr std::string_view kDefaultColour = "\x1b[39m";
  constexpr std::string_view kNormalWeight = "\x1b[22m";
  switch (style) {
    case Style::kRed:
      return {"\x1b[31m", kDefaultColour};
    case Style::kGreen:
      return {"\x1b[32m", kDefaultColour};
    case Style::kYellow:
      return {"\x1b[33m", kDefaultColour};
    case Style::kBlue:
      return {"\x1b[34m", kDefaultColour};
    case Style::kCyan:
      return {"\x1b[36m", kDefaultColour};
    case Style::kGray:
      return {"\x1b[90m", kDefaultColour};
    case Style::kBold:
      return {"\x1b[1m", kNormalWeight};
    case Style::kDim:
      return {"\x1b[2m", kNormalWeight};
  }
  return {};
}

bool IsGiven(const std::optional<std::string>& variable) { return variable && !variable->empty(); }

}  // namespace

std::string Paint(std::string_view text, Style style, Colour colour) {
  if (colour == Colour::kOff || text.empty()) return std::string(text);
  const Codes codes = CodesOf(style);
  std::string out(codes.open);
  for (const char c : text) {
    if (c == '\n') {
      out += codes.close;
      out += c;
      out += codes.open;
    } else {
      out += c;
    }
  }
  out += codes.close;
  return out;
}

Colour DecideColour(const ColourFacts& facts) {
  if (IsGiven(facts.force_color)) {
    const bool off = *facts.force_color == "0" || *facts.force_color == "false";
    return off ? Colour::kOff : Colour::kOn;
  }
  if (IsGiven(facts.no_color)) return Colour::kOff;
  return facts.is_terminal && facts.term != "dumb" ? Colour::kOn : Colour::kOff;
}

}  // namespace vm0::term
