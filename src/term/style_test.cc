// SPDX-License-Identifier: Apache-2.0
#include "term/style.h"

#include <gtest/gtest.h>

namespace vm0::term {
namespace {

TEST(Paint, PutsTheCodesAroundTheText) {
  EXPECT_EQ(Paint("x", Style::kRed, Colour::kOn), "\x1b[31mx\x1b[39m");
  EXPECT_EQ(Paint("x", Style::kGreen, Colour::kOn), "\x1b[32mx\x1b[39m");
  EXPECT_EQ(Paint("x", Style::kYellow, Colour::kOn), "\x1b[33mx\x1b[39m");
  EXPECT_EQ(Paint("x", Style::kBlue, Colour::kOn), "\x1b[34mx\x1b[39m");
  EXPECT_EQ(Paint("x", Style::kCyan, Colour::kOn), "\x1b[36mx\x1b[39m");
  EXPECT_EQ(Paint("x", Style::kGray, Colour::kOn), "\x1b[90mx\x1b[39m");
  EXPECT_EQ(Paint("x", Style::kBold, Colour::kOn), "\x1b[1mx\x1b[22m");
  EXPECT_EQ(Paint("x", Style::kDim, Colour::kOn), "\x1b[2mx\x1b[22m");
}

TEST(Paint, ClosesAndReopensAroundALineBreak) {
  EXPECT_EQ(Paint("a\nb", Style::kGray, Colour::kOn), "\x1b[90ma\x1b[39m\n\x1b[90mb\x1b[39m");
}

TEST(Paint, HasNoCodesForEmptyTextOrWithoutColour) {
  EXPECT_EQ(Paint("", Style::kGray, Colour::kOn), "");
  EXPECT_EQ(Paint("a\nb", Style::kRed, Colour::kOff), "a\nb");
}

Colour Decide(bool is_terminal, std::optional<std::string> no_color = std::nullopt,
              std::optional<std::string> force_color = std::nullopt,
              std::optional<std::string> term = "xterm-256color") {
  return DecideColour({.is_terminal = is_terminal,
                       .no_color = std::move(no_color),
                       .force_color = std::move(force_color),
                       .term = std::move(term)});
}

TEST(DecideColour, IsOnForATerminalOnly) {
  EXPECT_EQ(Decide(true), Colour::kOn);
  EXPECT_EQ(Decide(false), Colour::kOff);
  EXPECT_EQ(Decide(true, std::nullopt, std::nullopt, "dumb"), Colour::kOff);
  EXPECT_EQ(Decide(true, std::nullopt, std::nullopt, std::nullopt), Colour::kOn);
}

TEST(DecideColour, ObeysNoColor) {
  EXPECT_EQ(Decide(true, "1"), Colour::kOff);
  EXPECT_EQ(Decide(true, "0"), Colour::kOff);
  EXPECT_EQ(Decide(true, ""), Colour::kOn);
}

TEST(DecideColour, ObeysForceColorBeforeAllElse) {
  EXPECT_EQ(Decide(false, std::nullopt, "1"), Colour::kOn);
  EXPECT_EQ(Decide(false, std::nullopt, "true"), Colour::kOn);
  EXPECT_EQ(Decide(false, "1", "3", "dumb"), Colour::kOn);
  EXPECT_EQ(Decide(true, std::nullopt, "0"), Colour::kOff);
  EXPECT_EQ(Decide(true, std::nullopt, "false"), Colour::kOff);
  EXPECT_EQ(Decide(false, std::nullopt, ""), Colour::kOff);
  EXPECT_EQ(Decide(true, "1", ""), Colour::kOff);
}

}  // namespace
}  // namespace vm0::term
