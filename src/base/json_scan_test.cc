// SPDX-License-Identifier: Apache-2.0
#include "base/json_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/json_walk.h"
#include "base/text.h"

namespace vm0 {
namespace {

using std::string_view_literals::operator""sv;

std::string Nested(std::size_t depth, std::string_view open, std::string_view close,
                   std::string_view core = "") {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text.append(open);
  text.append(core);
  for (std::size_t i = 0; i < depth; ++i) text.append(close);
  return text;
}

// What JSON.parse of a JavaScript engine answers for each of these.
constexpr std::string_view kValid[] = {"{}",
                                       "[]",
                                       "null",
                                       "true",
                                       "false",
                                       "0",
                                       "-0",
                                       "1",
                                       "-1",
                                       "10",
                                       "0.0",
                                       "0.10",
                                       "1e5",
                                       "1E+5",
                                       "1e-5",
                                       "0e0",
                                       "-0.0e-0",
                                       "1e400",
                                       "-1e-400",
                                       "123456789012345678901234567890",
                                       "1e99999999999999999999",
                                       R"("")",
                                       R"("a")",
                                       R"("\"\\\/\b\f\n\r\t")",
                                       R"("\u0000")",
                                       R"("\uD800")",
                                       R"("\uDC00")",
                                       R"("\uD83D\uDE00")",
                                       R"("\uDE00\uD83D")",
                                       "\"\x7f\"",
                                       "\"\xe2\x80\xa8\"",
                                       "\"/\"",
                                       "\"'\"",
                                       "\"\xff\"",
                                       " \t\r\n1 \t\r\n",
                                       "\r[\n1\t,\r2 ] ",
                                       R"({"a":1,"a":2})",
                                       R"({"":0})",
                                       R"({"a":{"b":[1,{"c":null}]}})",
                                       R"([[],{},[{}]])",
                                       R"( { "a" : [ 1 , 2 ] , "b" : "x" } )",
                                       "{\"a\":1}\r",
                                       R"({"__proto__":1})"};

constexpr std::string_view kInvalid[] = {"",
                                         " ",
                                         "\n",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "{]",
                                         "[}",
                                         "{}}",
                                         "[]]",
                                         "{},",
                                         "{} {}",
                                         "1 2",
                                         "[1,]",
                                         "[,1]",
                                         "[,]",
                                         "[1 2]",
                                         "[1,,2]",
                                         R"({"a":1,})",
                                         R"({,"a":1})",
                                         R"({"a"})",
                                         R"({"a":})",
                                         R"({"a" 1})",
                                         R"({"a"::1})",
                                         R"({a:1})",
                                         R"({'a':1})",
                                         "{1:1}",
                                         R"({"a":1 "b":2})",
                                         R"({"a":1;"b":2})",
                                         R"({null:1})",
                                         "[1",
                                         R"({"a":1)",
                                         R"({"a":)",
                                         R"({"a")",
                                         R"({"a)",
                                         "+1",
                                         "01",
                                         "-01",
                                         "00",
                                         "-",
                                         "1.",
                                         ".5",
                                         "-.5",
                                         "1.e5",
                                         "1e",
                                         "1e+",
                                         "1e-",
                                         "1e5.5",
                                         "0x1",
                                         "1_0",
                                         "--1",
                                         "1-",
                                         "NaN",
                                         "Infinity",
                                         "-Infinity",
                                         "undefined",
                                         "True",
                                         "TRUE",
                                         "nul",
                                         "nulll",
                                         "tru",
                                         "truefalse",
                                         "fals",
                                         "\"a",
                                         "'a'",
                                         R"("\)",
                                         R"("\")",
                                         R"("\a")",
                                         R"("\x41")",
                                         R"("\0")",
                                         R"("\v")",
                                         R"("\'")",
                                         R"("\u")",
                                         R"("\u12")",
                                         R"("\u123")",
                                         R"("\u123g")",
                                         R"("\u 123")",
                                         R"("\U0041")",
                                         R"("\u{41}")",
                                         "\"\n\"",
                                         "\"\t\"",
                                         "\"\r\"",
                                         "\"\x1f\"",
                                         "\"\\\n\"",
                                         "// a\n1",
                                         "1 // a",
                                         "/* a */ 1",
                                         "\xef\xbb\xbf{}",
                                         "\xc2\xa0{}",
                                         "{}\xe2\x80\xa8",
                                         "\f1",
                                         "\v1",
                                         "1\f",
                                         "\x1e{}",
                                         "[\xef\xbb\xbf]"};

TEST(IsJson, TakesWhatJsonParseTakes) {
  for (const std::string_view text : kValid) EXPECT_TRUE(IsJson(text)) << text;
}

TEST(IsJson, RefusesWhatJsonParseRefuses) {
  for (const std::string_view text : kInvalid) EXPECT_FALSE(IsJson(text)) << text;
  EXPECT_FALSE(IsJson("\0"sv));
  EXPECT_FALSE(IsJson("{}\0"sv));
  EXPECT_FALSE(IsJson("\"\0\""sv));
  EXPECT_FALSE(IsJson("[\0]"sv));
}

TEST(IsJson, AllowsControlCharactersInStringsOnlyFromSpaceOn) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'"', static_cast<char>(c), '"'};
    EXPECT_EQ(IsJson(text), c >= 0x20 && c != '"' && c != '\\') << c;
  }
}

TEST(IsJson, KnowsFourKindsOfWhiteSpace) {
  for (int c = 0; c < 256; ++c) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    EXPECT_EQ(IsJson(std::string{static_cast<char>(c), '[', ']'}), space) << c;
    EXPECT_EQ(IsJson(std::string{'[', static_cast<char>(c), ']'}), space || (c >= '0' && c <= '9'))
        << c;
  }
}

TEST(IsJson, TakesDepth512AndRefuses513) {
  EXPECT_TRUE(IsJson(Nested(512, "[", "]")));
  EXPECT_FALSE(IsJson(Nested(513, "[", "]")));
  EXPECT_TRUE(IsJson(Nested(512, R"({"a":)", "}", "1")));
  EXPECT_FALSE(IsJson(Nested(513, R"({"a":)", "}", "1")));
  EXPECT_TRUE(IsJson(Nested(256, R"([{"a":)", "}]", "1")));
  EXPECT_FALSE(IsJson(Nested(256, R"([{"a":)", "}]", "[]")));
}

TEST(IsJson, DepthIsNotTheNumberOfValues) {
  std::string text = "[0";
  for (int i = 0; i < 10'000; ++i) text += ",[[]]";
  EXPECT_TRUE(IsJson(text + "]"));
}

TEST(IsJson, EndsAMillionOpenBracketsWithoutStackOrTime) {
  EXPECT_FALSE(IsJson(std::string(1'000'000, '[')));
  EXPECT_FALSE(IsJson(Nested(1'000'000, R"({"a":)", "}")));
  EXPECT_FALSE(IsJson(std::string(1'000'000, ']')));
}

TEST(IsJson, NoPrefixOfAnObjectIsJson) {
  const std::string_view text = R"({"a":[1.5e+3,"\u00e9\n",{"b":null,"c":true}],"d":-0.1})";
  ASSERT_TRUE(IsJson(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(IsJson(text.substr(0, size))) << text.substr(0, size);
  }
}

TEST(CheckJson, SaysWhereAndWhy) {
  const auto check = [](std::string_view text, std::size_t position, std::string_view reason) {
    const auto error = CheckJson(text);
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->position, position) << text;
    EXPECT_EQ(error->reason, reason) << text;
  };
  check("", 0, "unexpected end");
  check(R"({"a":)", 5, "unexpected end");
  check(R"({"a":x})", 5, "unexpected character");
  check(R"({"a":1} x)", 8, "unexpected character");
  check("[01]", 2, "unexpected character");
  check("\"a\nb\"", 2, "unexpected character");
  check(R"(["\u12x4"])", 6, "unexpected character");
  check(std::string(513, '['), 512, "nested too deep");
  EXPECT_FALSE(CheckJson("{}").has_value());
}

using Members = std::vector<std::pair<std::string, std::string>>;

std::optional<Members> MembersOf(std::string_view text) {
  Members members;
  JsonObjectScanner scan(text);
  while (const auto member = scan.Next()) members.emplace_back(member->key, member->value);
  EXPECT_FALSE(scan.Next().has_value()) << "after the end";
  if (!scan.ok()) return std::nullopt;
  return members;
}

std::optional<std::vector<std::string>> ElementsOf(std::string_view text) {
  std::vector<std::string> elements;
  JsonArrayScanner scan(text);
  while (const auto element = scan.Next()) elements.emplace_back(*element);
  EXPECT_FALSE(scan.Next().has_value()) << "after the end";
  if (!scan.ok()) return std::nullopt;
  return elements;
}

TEST(JsonObjectScanner, GivesMembersAsTheyAreWritten) {
  EXPECT_EQ(MembersOf(R"( { "a" : 1.50 , "b\u0041":[1, 2] ,"a": {"x":"}"}})"),
            (Members{{"a", "1.50"}, {"b\\u0041", "[1, 2]"}, {"a", R"({"x":"}"})"}}));
  EXPECT_EQ(MembersOf("{}"), Members{});
  EXPECT_EQ(MembersOf(" { } \r\n"), Members{});
}

TEST(JsonObjectScanner, GivesTheWhiteSpaceAroundAValueToThoseWhoWantIt) {
  JsonObjectScanner scan("{\"a\" :1,\"b\":\t {} \r, \"c\": 2 }");
  EXPECT_EQ(scan.Next().value().spaced_value, "1");
  EXPECT_EQ(scan.Next().value().spaced_value, "\t {} \r");
  EXPECT_EQ(scan.Next().value().spaced_value, " 2 ");
}

TEST(JsonObjectScanner, GivesMembersUpToAnErrorAndIsNotOk) {
  JsonObjectScanner scan(R"({"a":1,"b":[1,,2],"c":3})");
  const auto first = scan.Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->key, "a");
  EXPECT_FALSE(scan.ok()) << "not at the end yet";
  EXPECT_FALSE(scan.Next().has_value());
  EXPECT_FALSE(scan.ok());
}

TEST(JsonObjectScanner, AgreesWithIsJsonOnWhatAnObjectIs) {
  for (const std::string_view text : kInvalid) EXPECT_EQ(MembersOf(text), std::nullopt) << text;
  for (const std::string_view text : kValid) {
    EXPECT_EQ(MembersOf(text).has_value(), TrimAscii(text).starts_with('{')) << text;
  }
}

TEST(JsonObjectScanner, CountsItsOwnObjectAsDepth) {
  EXPECT_TRUE(MembersOf(Nested(512, R"({"a":)", "}", "1")).has_value());
  EXPECT_FALSE(MembersOf(Nested(513, R"({"a":)", "}", "1")).has_value());
}

TEST(JsonArrayScanner, GivesElementsAsTheyAreWritten) {
  EXPECT_EQ(ElementsOf(R"( [ 1.0 ,"a,b]", [2,3 ] ,null ] )"),
            (std::vector<std::string>{"1.0", "\"a,b]\"", "[2,3 ]", "null"}));
  EXPECT_EQ(ElementsOf("[]"), std::vector<std::string>{});
}

TEST(JsonArrayScanner, AgreesWithIsJsonOnWhatAnArrayIs) {
  for (const std::string_view text : kInvalid) EXPECT_EQ(ElementsOf(text), std::nullopt) << text;
  for (const std::string_view text : kValid) {
    EXPECT_EQ(ElementsOf(text).has_value(), TrimAscii(text).starts_with('[')) << text;
  }
  EXPECT_TRUE(ElementsOf(Nested(512, "[", "]")).has_value());
  EXPECT_FALSE(ElementsOf(Nested(513, "[", "]")).has_value());
}

TEST(JsonMember, KeyIsComparedAfterDecoding) {
  JsonObjectScanner scan(R"({"\u0074ype":1,"type":2,"types":3,"\\u0074ype":4,"\u00e9":5})");
  EXPECT_TRUE(scan.Next()->HasKey("type"));
  EXPECT_TRUE(scan.Next()->HasKey("type"));
  EXPECT_FALSE(scan.Next()->HasKey("type"));
  EXPECT_FALSE(scan.Next()->HasKey("type"));
  EXPECT_TRUE(scan.Next()->HasKey("é"));
}

TEST(DecodeJsonString, DecodesEveryEscape) {
  EXPECT_EQ(DecodeJsonString(R"("")"), "");
  EXPECT_EQ(DecodeJsonString(R"("plain")"), "plain");
  EXPECT_EQ(DecodeJsonString(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(DecodeJsonString(R"("x\u0041\u00e9\u20AC\u0000y")"), "xA\u00e9\u20ac\0y"sv);
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\uDE00")"), "😀");
  EXPECT_EQ(DecodeJsonString(R"("\udbff\udfff\ud800\udc00")"), "\U0010ffff\U00010000");
  EXPECT_EQ(DecodeJsonString(R"("\\u0041")"), "\\u0041");
}

TEST(DecodeJsonString, EachLoneSurrogateBecomesOneReplacementCharacter) {
  EXPECT_EQ(DecodeJsonString(R"("\ud800")"), "\ufffd");
  EXPECT_EQ(DecodeJsonString(R"("\udc00x")"), "\ufffdx");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\ud83d\ude00")"), "\ufffd😀");
  EXPECT_EQ(DecodeJsonString(R"("\ude00\ud83d")"), "\ufffd\ufffd");
  EXPECT_EQ(DecodeJsonString(R"("\ud83dx\ude00")"), "\ufffdx\ufffd");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\n")"), "\ufffd\n");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\\ude00")"), "\ufffd\\ude00");
  EXPECT_EQ(DecodeJsonString(R"("\ud83d\u0041")"), "\ufffdA");
}

TEST(DecodeJsonString, RefusesWhatIsNotOneString) {
  for (const std::string_view raw : {"", "\"", "a", "\"a", "1", "null", "\"a\"b", " \"a\"",
                                     "\"a\" ", "\"\\\"", "\"\\x\"", "\"\n\"", "[\"a\"]"}) {
    EXPECT_EQ(DecodeJsonString(raw), std::nullopt) << raw;
  }
}

// Garbage near to JSON: neither a crash nor a scanner of another opinion than IsJson.
TEST(JsonScan, ScannersAgreeOnRandomText) {
  constexpr std::string_view kPieces[] = {
      "{",   "}", "[",  "]",    ",",    ":", "\"", "\"a\"", "\\",   "\\u",    "d800", "0",  "-",
      "1.5", "e", "E+", "true", "null", " ", "\r", "\xff",  "\x01", "\"k\":", "{}",   "[]", "\\\""};
  std::mt19937 random(4);
  int valid = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    for (std::size_t n = random() % 9; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    const bool is_json = IsJson(text);
    valid += is_json ? 1 : 0;
    const std::string_view trimmed = TrimAscii(text);
    ASSERT_EQ(MembersOf(text).has_value(), is_json && trimmed.starts_with('{')) << text;
    ASSERT_EQ(ElementsOf(text).has_value(), is_json && trimmed.starts_with('[')) << text;
    ASSERT_EQ(DecodeJsonString(text).has_value(),
              is_json && text.starts_with('"') && text.ends_with('"'))
        << text;
  }
  EXPECT_GT(valid, 1000) << "the pieces make too little JSON to test anything";
}

// Strings are read eight bytes at a time: whatever stands where must be seen.
TEST(SkipJsonString, AStringEndsAtItsQuoteAndTakesNoControlCharacterWhereverTheyAre) {
  for (std::size_t before = 0; before < 40; ++before) {
    for (int byte = 0; byte < 256; ++byte) {
      const std::string text = '"' + std::string(before, 'x') + static_cast<char>(byte) + "\"";
      std::size_t position = 0;
      const bool is_string = SkipJsonString(text, position);
      if (byte == '"') {
        EXPECT_TRUE(is_string);
        EXPECT_EQ(position, before + 2);
      } else if (byte < 0x20 || byte == '\\') {  // behind a backslash the quote is no end
        EXPECT_FALSE(is_string) << byte << " after " << before;
      } else {
        EXPECT_TRUE(is_string) << byte << " after " << before;
        EXPECT_EQ(position, text.size());
      }
    }
  }
}

}  // namespace
}  // namespace vm0
