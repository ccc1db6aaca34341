// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "base/json_scan.h"

namespace vm0 {
namespace {

std::string Reprint(std::string_view text) {
  const auto value = ParseJson(text);
  return value ? ToJson(*value) : "error: " + value.error().message;
}

double DoubleOf(std::string_view text) {
  const auto value = ParseJson(text);
  return value && value->is_double() ? value->get_double() : std::nan("");
}

json::object ObjectOf(std::string_view text) {
  auto object = ParseJsonObject(text, "test");
  EXPECT_TRUE(object.has_value()) << text;
  return object ? *object : json::object{};
}

TEST(ParseJson, KeepsValuesAndOrder) {
  const std::string_view text =
      R"({"z":1,"a":[true,false,null,"é\n",{}],"b":{"c":[],"d":-1.5},"":"x"})";
  EXPECT_EQ(Reprint(text), text);
  EXPECT_EQ(Reprint(" [ 1 , 2 ] \r\n"), "[1,2]");
  EXPECT_EQ(Reprint("\"a\""), "\"a\"");
  EXPECT_EQ(Reprint("null"), "null");
}

TEST(ParseJson, OfDuplicateKeysTheLastWins) {
  EXPECT_EQ(Reprint(R"({"a":1,"b":2,"a":{"x":3}})"), R"({"a":{"x":3},"b":2})");
  EXPECT_EQ(Reprint(R"({"\u0061":1,"a":2})"), R"({"a":2})");
}

TEST(ParseJson, LoneSurrogatesBecomeReplacementCharacters) {
  EXPECT_EQ(Reprint(R"({"\ud800":"a\udc00b\ud83d\ude00"})"), "{\"\ufffd\":\"a\ufffdb😀\"}");
}

TEST(ParseJson, KeepsIntegersExactUpTo64Bits) {
  for (const std::string_view text :
       {"0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808",
        "9223372036854775808", "18446744073709551615"}) {
    EXPECT_EQ(Reprint(text), text);
  }
  EXPECT_TRUE(ParseJson("9223372036854775807")->is_int64());
  EXPECT_TRUE(ParseJson("9223372036854775808")->is_uint64());
}

TEST(ParseJson, LargerIntegersBecomeDoubles) {
  EXPECT_EQ(DoubleOf("18446744073709551616"), 18446744073709551616.0);
  EXPECT_EQ(DoubleOf("-9223372036854775809"), -9223372036854775808.0);
  EXPECT_EQ(DoubleOf("1" + std::string(300, '0')), 1e300);
  EXPECT_EQ(Reprint("123456789012345678901234567890"), "1.2345678901234568e+29");
}

TEST(ParseJson, NumbersOutOfRangeBecomeInfinityOrZero) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(DoubleOf("1e309"), kInfinity);
  EXPECT_EQ(DoubleOf("-1e309"), -kInfinity);
  EXPECT_EQ(DoubleOf("1e99999999999999999999"), kInfinity);
  EXPECT_EQ(DoubleOf(std::string(5000, '9')), kInfinity);
  EXPECT_EQ(DoubleOf("1e-400"), 0);
  EXPECT_EQ(DoubleOf("-1e-99999999999999999999"), 0);
  EXPECT_EQ(DoubleOf("0e99999999999999999999"), 0);
  EXPECT_EQ(Reprint("[1e309]"), "[null]") << "as JSON.stringify";
}

TEST(ParseJson, DoublesAreTheNearest) {
  // Read wrong by a parser that multiplies with powers of ten.
  EXPECT_EQ(DoubleOf("0.1"), 0.1);
  EXPECT_EQ(DoubleOf("8.97e-5"), 8.97e-5);
  EXPECT_EQ(DoubleOf("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_EQ(DoubleOf("5e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(DoubleOf("2.2250738585072011e-308"), 2.2250738585072011e-308);
  EXPECT_EQ(DoubleOf("9007199254740993.0"), 9007199254740992.0);
}

TEST(ParseJson, RandomDoublesSurviveWritingAndReading) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 50'000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = JsNumber(value);
    const auto read = ParseJson(text);
    ASSERT_TRUE(read.has_value()) << text;
    ASSERT_EQ(read->to_number<double>(), value) << text;
  }
}

TEST(ParseJson, TakesDepth512) {
  const std::string deep = std::string(512, '[') + std::string(512, ']');
  EXPECT_EQ(Reprint(deep), deep);
  EXPECT_FALSE(ParseJson("[" + deep + "]").has_value());
}

TEST(ParseJson, ErrorNamesPositionAndReason) {
  const auto value = ParseJson(R"({"a":x})");
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().code, Code::kBadRequest);
  EXPECT_EQ(value.error().message, "not valid JSON: unexpected character at byte 5");
  EXPECT_EQ(ParseJson("").error().message, "not valid JSON: unexpected end at byte 0");
}

TEST(ParseJson, RefusesInvalidUtf8WithItsPosition) {
  const auto value = ParseJson("[\"ab\xff\"]");
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().message, "not valid JSON: not UTF-8 at byte 4");
  EXPECT_FALSE(ParseJson("\"\xed\xa0\x80\"").has_value());
}

TEST(ParseJsonObject, NamesWhatItWasToBe) {
  EXPECT_TRUE(ParseJsonObject("{}", "request body").has_value());
  for (const std::string_view text : {"[]", "1", "null", "\"{}\""}) {
    EXPECT_EQ(ParseJsonObject(text, "request body").error().message,
              "request body must be a JSON object");
  }
  EXPECT_EQ(ParseJsonObject("{", "request body").error().message,
            "request body: not valid JSON: unexpected end at byte 1");
}

TEST(ToJson, EscapesStringsAndWritesNumbersAsJavaScript) {
  EXPECT_EQ(ToJson(json::value("a\"\n\x7f")), "\"a\\\"\\n\x7f\"");
  EXPECT_EQ(ToJson(json::array{5.0, 1.5, -0.0, 1e21, 0.1 + 0.2, true, nullptr}),
            "[5,1.5,0,1e+21,0.30000000000000004,true,null]");
  EXPECT_EQ(ToJson(json::array{std::nan(""), -std::numeric_limits<double>::infinity()}),
            "[null,null]");
}

TEST(ToJson, OfIllFormedStringsIsStillValidJson) {
  EXPECT_EQ(ToJson(json::object{{"k\xff", "v\xc3"}}), "{\"k\ufffd\":\"v\ufffd\"}");
}

TEST(ToPrettyJson, IndentsAsJsonStringifyWithTwoSpaces) {
  EXPECT_EQ(ToPrettyJson(*ParseJson(R"({"a":[1,{"b":"x"}],"c":{},"d":[]})")),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\"\n    }\n  ],\n  \"c\": {},\n  \"d\": "
            "[]\n}");
  EXPECT_EQ(ToPrettyJson(json::value(1)), "1");
}

TEST(JsNumber, FollowsEcmaScript) {
  const std::pair<double, std::string_view> cases[] = {
      {0.0, "0"},
      {-0.0, "0"},
      {5.0, "5"},
      {-5.5, "-5.5"},
      {0.1, "0.1"},
      {100, "100"},
      {123456789, "123456789"},
      {1234.5678, "1234.5678"},
      {1e20, "100000000000000000000"},
      {123456789012345680000.0, "123456789012345680000"},
      {1e21, "1e+21"},
      {1.5e21, "1.5e+21"},
      {-1e21, "-1e+21"},
      {1e-6, "0.000001"},
      {1.5e-6, "0.0000015"},
      {1e-7, "1e-7"},
      {1.23e-7, "1.23e-7"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {9007199254740993.0, "9007199254740992"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1.0 / 3, "0.3333333333333333"},
      {4.35, "4.35"},
      {2e-5, "0.00002"},
      {std::numeric_limits<double>::infinity(), "Infinity"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"},
      {std::nan(""), "NaN"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(JsNumber(value), text);
}

TEST(DisplayText, IsTheBareStringOrJsonOrNumber) {
  EXPECT_EQ(DisplayText(json::value("a\nb")), "a\nb");
  EXPECT_EQ(DisplayText(json::value(5.0)), "5");
  EXPECT_EQ(DisplayText(json::value(-7)), "-7");
  EXPECT_EQ(DisplayText(json::value(true)), "true");
  EXPECT_EQ(DisplayText(json::value(nullptr)), "null");
  EXPECT_EQ(DisplayText(*ParseJson(R"({"a": [1, "x"]})")), R"({"a":[1,"x"]})");
  EXPECT_EQ(DisplayText(*ParseJson("1e999")), "Infinity");
}

TEST(Fields, GiveValuesOrNulloptForAbsentAndNull) {
  const json::object object = ObjectOf(R"({"s":"x","i":5,"b":false,"o":{"k":1},"a":[1],"n":null})");
  EXPECT_EQ(StringField(object, "s").value(), "x");
  EXPECT_EQ(IntField(object, "i").value(), 5);
  EXPECT_EQ(BoolField(object, "b").value(), false);
  EXPECT_EQ(ObjectField(object, "o").value(), &object.at("o").get_object());
  EXPECT_EQ(ArrayField(object, "a").value(), &object.at("a").get_array());
  for (const std::string_view name : {"n", "absent"}) {
    EXPECT_EQ(StringField(object, name).value(), std::nullopt);
    EXPECT_EQ(IntField(object, name).value(), std::nullopt);
    EXPECT_EQ(BoolField(object, name).value(), std::nullopt);
    EXPECT_EQ(ObjectField(object, name).value(), nullptr);
    EXPECT_EQ(ArrayField(object, name).value(), nullptr);
  }
}

TEST(Fields, OfAnotherTypeAreABadRequestThatNamesThem) {
  const json::object object = ObjectOf(R"({"s":"x","i":5})");
  EXPECT_EQ(StringField(object, "i").error(), (Error{Code::kBadRequest, "i must be a string"}));
  EXPECT_EQ(StringField(object, "i", "config.agent.").error().message,
            "config.agent.i must be a string");
  EXPECT_EQ(IntField(object, "s").error().message, "s must be an integer");
  EXPECT_EQ(BoolField(object, "i").error().message, "i must be true or false");
  EXPECT_EQ(ObjectField(object, "s").error().message, "s must be an object");
  EXPECT_EQ(ArrayField(object, "s").error().message, "s must be an array");
}

TEST(IntField, TakesAnyWholeNumberThatIsExact) {
  const auto number = [](std::string_view text) {
    return IntField(ObjectOf("{\"n\":" + std::string(text) + "}"), "n").value_or(-999);
  };
  EXPECT_EQ(number("5.0"), 5);
  EXPECT_EQ(number("5e2"), 500);
  EXPECT_EQ(number("-0"), 0);
  EXPECT_EQ(number("9223372036854775807"), INT64_MAX);
  for (const std::string_view text : {"5.5", "1e300", "1e999", "-1e999", "9223372036854775808",
                                      "18446744073709551616", "\"5\"", "true", "[5]"}) {
    EXPECT_EQ(number(text), -999) << text;
  }
}

TEST(Members, AreLooseAboutWhatIsThere) {
  const json::object object = ObjectOf(R"({"s":"x","o":{},"a":[],"n":null})");
  EXPECT_EQ(StringMember(object, "s"), "x");
  EXPECT_NE(ObjectMember(object, "o"), nullptr);
  EXPECT_NE(ArrayMember(object, "a"), nullptr);
  EXPECT_NE(Member(object, "n"), nullptr);
  for (const std::string_view name : {"n", "absent", ""}) {
    EXPECT_EQ(StringMember(object, name), std::nullopt);
    EXPECT_EQ(ObjectMember(object, name), nullptr);
    EXPECT_EQ(ArrayMember(object, name), nullptr);
  }
  EXPECT_EQ(Member(object, "absent"), nullptr);
  EXPECT_EQ(ObjectMember(object, "a"), nullptr);
  EXPECT_EQ(ArrayMember(object, "o"), nullptr);
  EXPECT_EQ(StringMember(object, "o"), std::nullopt);
}

// One grammar: what IsJson takes and is UTF-8, ParseJson takes; and what it prints reads back
// equal.
TEST(ParseJson, AgreesWithIsJsonOnRandomText) {
  constexpr std::string_view kPieces[] = {
      "{", "}",   "[", "]",   ",",    ":",    "\"", "\"a\"",  "\\u", "d800", "0",
      "-", "1.5", "e", "E+9", "true", "null", " ",  "\"k\":", "{}",  "[]",   "\\\""};
  std::mt19937 random(6);
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (std::size_t n = random() % 9; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    const auto value = ParseJson(text);
    ASSERT_EQ(value.has_value(), IsJson(text)) << text;
    if (!value) continue;
    const std::string printed = ToJson(*value);
    ASSERT_EQ(Reprint(printed), printed) << text;
    ASSERT_EQ(ToJson(*ParseJson(ToPrettyJson(*value))), printed) << text;
  }
}

}  // namespace
}  // namespace vm0
