// SPDX-License-Identifier: Apache-2.0
#include "term/sanitize.h"

#include <gtest/gtest.h>

namespace vm0::term {
namespace {

TEST(Sanitize, KeepsOrdinaryText) {
  const std::string text = "a\tb\nc ~ \u00A0 é → 漢字 🙂 \u2028 \uFEFF \u200D עברית";
  EXPECT_EQ(Sanitize(text), text);
  EXPECT_EQ(Sanitize(""), "");
}

TEST(Sanitize, ShowsEscapeSequencesInsteadOfObeyingThem) {
  EXPECT_EQ(Sanitize("\x1b[31mred\x1b[0m"), "␛[31mred␛[0m");
  EXPECT_EQ(Sanitize("\x1b]0;title\x07"), "␛]0;title␇");
  EXPECT_EQ(Sanitize("\x1b]8;;http://x\x1b\\link"), "␛]8;;http://x␛\\link");
  EXPECT_EQ(Sanitize("\x1bP1$r\x1b\\\x1b"
                     "c"),
            "␛P1$r␛\\␛c");
}

TEST(Sanitize, ShowsEveryC0CharacterAndDel) {
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\n' || c == '\t') continue;
    const std::string text{'a', static_cast<char>(c), 'b'};
    const std::string picture = {'\xE2', '\x90', static_cast<char>(0x80 + c)};
    EXPECT_EQ(Sanitize(text), "a" + picture + "b") << c;
  }
  EXPECT_EQ(Sanitize("a\x7f"), "a␡");
  EXPECT_EQ(Sanitize("\x08"), "␈");
}

TEST(Sanitize, LeavesOutTheCarriageReturnOfALineEnd) {
  EXPECT_EQ(Sanitize("a\r\nb\r\n"), "a\nb\n");
  EXPECT_EQ(Sanitize("a\r"), "a");
  EXPECT_EQ(Sanitize("10%\r20%\r"), "10%␍20%");
  EXPECT_EQ(Sanitize("a\r\r\n"), "a␍\n");
}

TEST(Sanitize, ReplacesC1AndWhatTurnsTextAround) {
  EXPECT_EQ(Sanitize("a\xC2\x80\xC2\x9B"
                     "31mb\xC2\x9F"),
            "a\uFFFD\uFFFD31mb\uFFFD");
  EXPECT_EQ(Sanitize("\u202A\u202B\u202C\u202D\u202E|\u2066\u2067\u2068\u2069"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD\uFFFD");
  const std::string neighbours = "\u2029\u202F\u2065\u206A\u00A0";
  EXPECT_EQ(Sanitize(neighbours), neighbours);
}

TEST(Sanitize, ReplacesIllFormedUtf8) {
  EXPECT_EQ(Sanitize("a\xff"
                     "b"),
            "a\uFFFDb");
  EXPECT_EQ(Sanitize("\x9b"
                     "31m"),
            "\uFFFD31m");                 // a raw C1 byte
  EXPECT_EQ(Sanitize("\xC2"), "\uFFFD");  // cut off
  EXPECT_EQ(Sanitize("\xE2\x80"), "\uFFFD");
  EXPECT_EQ(Sanitize("\xE0\x80\x9B\x1b"), "\uFFFD\uFFFD\uFFFD␛");  // overlong
}

TEST(Sanitize, IsSafeForTextInPieces) {
  EXPECT_EQ(Sanitize("\x1b") + Sanitize("[31m"), "␛[31m");
  EXPECT_EQ(Sanitize("a\r") + Sanitize("\nb"), "a\nb");
}

TEST(SanitizeLine, LetsNoTextLeaveItsLine) {
  EXPECT_EQ(SanitizeLine("Bash\n[result] ✓"), "Bash␊[result] ✓");
  EXPECT_EQ(SanitizeLine("a\r\nb\tc\x1b"), "a␊b\tc␛");
}

TEST(Sanitize, OutputHoldsNoControlCharacterWhateverTheBytes) {
  std::string bytes;
  unsigned state = 1;
  for (int i = 0; i < 100000; ++i) {
    state = state * 1664525 + 1013904223;
    bytes += static_cast<char>(state >> 24);
  }
  for (const unsigned char c : SanitizeLine(bytes))
    EXPECT_TRUE((c >= 0x20 && c != 0x7F) || c == '\t');
  EXPECT_EQ(SanitizeLine(SanitizeLine(bytes)), SanitizeLine(bytes));
}

}  // namespace
}  // namespace vm0::term
