// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vm0::term {

enum class Colour { kOff, kOn };

enum class Style { kRed, kGreen, kYellow, kBlue, kCyan, kGray, kBold, kDim };

// `text` between the style's codes (SGR): colours 31, 32, 33, 34, 36, 90 close with 39, bold 1 and
// dim 2 with 22. The style is closed before each '\n' and opened again behind it, so that no line
// depends on another one; empty text and Colour::kOff give no codes. Text from an agent must have
// gone through Sanitize.
std::string Paint(std::string_view text, Style style, Colour colour);

// What decides about colour, for one stream.
struct ColourFacts {
  bool is_terminal = false;
  std::optional<std::string> no_color;     // $NO_COLOR
  std::optional<std::string> force_color;  // $FORCE_COLOR
  std::optional<std::string> term;         // $TERM
};

// In this order: FORCE_COLOR (not empty): "0" and "false" are off, all else on. NO_COLOR (not
// empty): off. Else on for a terminal whose TERM is not "dumb".
Colour DecideColour(const ColourFacts& facts);

}  // namespace vm0::term
