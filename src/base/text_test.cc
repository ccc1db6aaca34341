// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "base/json_scan.h"
#include "base/utf8.h"

namespace vm0 {
namespace {

using std::string_view_literals::operator""sv;

std::string RandomBytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() & 0xff);
  return bytes;
}

TEST(Utf8, TakesEveryCodePointButSurrogates) {
  for (std::uint32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text;
    AppendUtf8(text, c);
    ASSERT_TRUE(IsValidUtf8(text)) << c;
    ASSERT_EQ(CountUtf8Characters(text), 1U) << c;
    ASSERT_EQ(Utf8SequenceAt(text, 0).size, text.size()) << c;
  }
}

TEST(Utf8, RefusesOverlongSurrogatesTooHighAndTorn) {
  for (const std::string_view bytes : {"\x80"sv,
                                       "\xbf"sv,
                                       "\xc0\x80"sv,
                                       "\xc1\xbf"sv,
                                       "\xe0\x80\x80"sv,
                                       "\xe0\x9f\xbf"sv,
                                       "\xf0\x80\x80\x80"sv,
                                       "\xf0\x8f\xbf\xbf"sv,
                                       "\xed\xa0\x80"sv,
                                       "\xed\xbf\xbf"sv,
                                       "\xf4\x90\x80\x80"sv,
                                       "\xf5\x80\x80\x80"sv,
                                       "\xff"sv,
                                       "\xfe"sv,
                                       "\xc3"sv,
                                       "\xe2\x82"sv,
                                       "\xf0\x9f\x98"sv,
                                       "\xc3("sv,
                                       "\xe2\x28\xa1"sv,
                                       "\xf0\x9f\x98("sv}) {
    EXPECT_FALSE(IsValidUtf8(bytes)) << HexEncode(bytes);
    EXPECT_FALSE(IsValidUtf8("12345678" + std::string(bytes) + "12345678"))
        << "hidden by the ASCII around it: " << HexEncode(bytes);
  }
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("\0"sv));
}

TEST(Utf8, FindsABadByteAtEveryPlaceOfABlock) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t i = 0; i < size; ++i) {
      std::string text(size, 'a');
      ASSERT_TRUE(IsValidUtf8(text));
      text[i] = '\xff';
      ASSERT_FALSE(IsValidUtf8(text)) << i << " of " << size;
    }
  }
}

TEST(Utf8, ReplacesEachMaximalIllFormedPartOnce) {
  const auto marks = [](std::string_view bytes) { return ReplaceInvalidUtf8(bytes); };
  // The example of the Unicode Standard, table 3-8, and its neighbours.
  EXPECT_EQ(marks("a\xf1\x80\x80\xe1\x80\xc2"
                  "b\x80"
                  "c\x80\xbf"
                  "d"),
            "a\ufffd\ufffd\ufffdb\ufffdc\ufffd\ufffdd");
  EXPECT_EQ(marks("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(marks("\xf0\x80\x80\x41"), "\ufffd\ufffd\ufffdA");
  EXPECT_EQ(marks("\xe2\x82"), "\ufffd");
  EXPECT_EQ(marks("\xc0\xaf"), "\ufffd\ufffd");
  EXPECT_EQ(marks("caf\xc3\xa9 \xf0\x9f\x98\x80"), "café 😀");
}

TEST(Utf8, ReplacementOfRandomBytesIsValidAndStable) {
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    const std::string bytes = RandomBytes(random, random() % 40);
    const std::string text = ReplaceInvalidUtf8(bytes);
    ASSERT_TRUE(IsValidUtf8(text));
    ASSERT_EQ(ReplaceInvalidUtf8(text), text);
    ASSERT_EQ(text == bytes, IsValidUtf8(bytes));
  }
}

TEST(Base64, MatchesRfc4648) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text), bytes);
  }
}

TEST(Base64, UrlFormHasNoPaddingAndItsOwnAlphabet) {
  EXPECT_EQ(Base64UrlEncode("\xfb\xff\xfe"), "-__-");
  EXPECT_EQ(Base64Encode("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(Base64UrlEncode("f"), "Zg");
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
  for (const std::string_view text : {"Z", "Zg", "Zg=", "Zg==Zg==", "====", "A===", "Zm9v=",
                                      "Zg==\n", "Zm 9", "Zh==", "Zm9=", "-__-", "=Zg=", "Z=g="}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

TEST(Base64, RoundTripsRandomBytes) {
  std::mt19937 random(2);
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string bytes = RandomBytes(random, size);
    ASSERT_EQ(Base64Decode(Base64Encode(bytes)), bytes);
  }
}

TEST(HexEncode, WritesTwoLowerCaseDigitsAByte) {
  EXPECT_EQ(HexEncode("\x00\x0f\xa0\xff"sv), "000fa0ff");
  EXPECT_EQ(HexEncode(""), "");
}

TEST(JsonQuote, EscapesControlQuoteAndBackslashOnly) {
  EXPECT_EQ(JsonQuote(""), "\"\"");
  EXPECT_EQ(JsonQuote("a\"b\\c/"), R"("a\"b\\c/")");
  EXPECT_EQ(JsonQuote("\b\t\n\f\r"), R"("\b\t\n\f\r")");
  EXPECT_EQ(JsonQuote("\0\x01\x1b\x1f\x7f"sv), "\"\\u0000\\u0001\\u001b\\u001f\x7f\"");
  EXPECT_EQ(JsonQuote("é\u2028😀"), "\"é\u2028😀\"");
}

TEST(JsonQuote, ReplacesIllFormedUtf8) {
  EXPECT_EQ(JsonQuote("a\xff\xe2\x82z"), "\"a\ufffd\ufffdz\"");
  EXPECT_EQ(JsonQuote("\xc3\n"), "\"\ufffd\\n\"");
}

TEST(JsonQuote, AppendsAfterWhatIsThere) {
  std::string out = "x=";
  AppendJsonQuoted(out, "1");
  EXPECT_EQ(out, "x=\"1\"");
}

TEST(JsonQuote, RandomBytesReadBackAsTheirReplacement) {
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    const std::string bytes = RandomBytes(random, random() % 60);
    const std::string quoted = JsonQuote(bytes);
    ASSERT_TRUE(IsJson(quoted));
    ASSERT_EQ(DecodeJsonString(quoted), ReplaceInvalidUtf8(bytes));
  }
}

TEST(Ascii, LowerAndTrimLeaveOtherBytesAlone) {
  EXPECT_EQ(ToLowerAscii("Content-TYPE Ä[@"), "content-type Ä[@");
  EXPECT_EQ(TrimAscii(" \t\r\n\f\vab c \n"), "ab c");
  EXPECT_EQ(TrimAscii(" \n "), "");
  EXPECT_EQ(TrimAscii(""), "");
  EXPECT_EQ(TrimAscii("\u00a0x"), "\u00a0x");
}

TEST(Split, KeepsEmptyParts) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(Split("a,b,,c", ','), (Parts{"a", "b", "", "c"}));
  EXPECT_EQ(Split(",", ','), (Parts{"", ""}));
  EXPECT_EQ(Split("", ','), (Parts{""}));
  EXPECT_EQ(Split("abc", ','), (Parts{"abc"}));
}

TEST(Join, IsTheOtherWayRound) {
  EXPECT_EQ(Join({}, ", "), "");
  EXPECT_EQ(Join({"a"}, ", "), "a");
  EXPECT_EQ(Join({"a", "", "b"}, ", "), "a, , b");
}

TEST(ParseInt, TakesTheWholeRange) {
  EXPECT_EQ(ParseInt("0"), 0);
  EXPECT_EQ(ParseInt("-0"), 0);
  EXPECT_EQ(ParseInt("+7"), 7);
  EXPECT_EQ(ParseInt("007"), 7);
  EXPECT_EQ(ParseInt("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseInt("-9223372036854775808"), INT64_MIN);
}

TEST(ParseInt, RefusesAllElse) {
  for (const std::string_view text :
       {"", "+", "-", "+-1", "-+1", "++1", "--1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "1a",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_EQ(ParseInt(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseInt("1\0"sv), std::nullopt);
}

}  // namespace
}  // namespace vm0
