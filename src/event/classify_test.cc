// SPDX-License-Identifier: Apache-2.0
#include "event/classify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "base/json.h"

namespace vm0::event {
namespace {

using std::string_view_literals::operator""sv;

std::string Nested(std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += R"({"a":)";
  return text + "1" + std::string(depth, '}');
}

std::string RandomLine(std::mt19937& random, std::size_t size) {
  std::string line(size, '\0');
  for (char& byte : line) byte = static_cast<char>(random() & 0xff);
  std::ranges::replace(line, '\n', '.');
  return line;
}

TEST(Classify, KeepsAnObjectByteForByte) {
  for (const std::string_view line : {
           R"({})",
           R"({"type":"assistant","message":{"content":[]}})",
           R"(  { "type" : "x" ,"n":1.500e+0 }  )",
           R"({"lone":"\ud800","other":"\udc00"})",
           R"({"type":"a","type":"b"})",
           R"({"n":123456789012345678901234567890,"m":1e400,"z":-0})",
           "{\"a\":1}\r",
           "\t{\"a\":1}",
           "{\"a\":\"\xe2\x80\xa8\xe2\x80\xa9\x7f\xc2\x85\"}",
           "{\"emoji\":\"\xf0\x9f\x98\x80\"}",
           R"({"type":"vm0"})",
       }) {
    EXPECT_EQ(Classify(line), (Classified{Source::kAgent, std::string(line)}));
    EXPECT_TRUE(IsEvent(line)) << line;
  }
}

TEST(Classify, AnyOtherLineBecomesAStdoutObject) {
  const std::pair<std::string_view, std::string_view> lines[] = {
      {"hello", R"({"type":"stdout","text":"hello"})"},
      {"", R"({"type":"stdout","text":""})"},
      {"[1]", R"({"type":"stdout","text":"[1]"})"},
      {"null", R"({"type":"stdout","text":"null"})"},
      {"\"{}\"", R"({"type":"stdout","text":"\"{}\""})"},
      {"{\"a\":1", R"({"type":"stdout","text":"{\"a\":1"})"},
      {"{} {}", R"({"type":"stdout","text":"{} {}"})"},
      {"{'a':1}", R"({"type":"stdout","text":"{'a':1}"})"},
      {"data: {}", R"({"type":"stdout","text":"data: {}"})"},
      {"caf\xc3\xa9\r", "{\"type\":\"stdout\",\"text\":\"caf\xc3\xa9\\r\"}"},
      {"\x1b[31m\a", R"({"type":"stdout","text":"\u001b[31m\u0007"})"},
      {"\0\0"sv, R"({"type":"stdout","text":"\u0000\u0000"})"},
  };
  for (const auto& [line, json] : lines) {
    EXPECT_EQ(Classify(line), (Classified{Source::kStdout, std::string(json)}));
  }
}

TEST(Classify, ByteOrderMarkAtTheStartIsNotJson) {
  EXPECT_EQ(Classify("\xef\xbb\xbf{}").source, Source::kStdout);
  EXPECT_EQ(LineOf(Classify("\xef\xbb\xbf{}").json), "\xef\xbb\xbf{}");
}

TEST(Classify, RawControlCharacterInAStringIsNotJson) {
  EXPECT_EQ(Classify("{\"a\":\"\t\"}").source, Source::kStdout);
  EXPECT_EQ(Classify("{\"a\":\"\x1b[0m\"}").source, Source::kStdout);
  EXPECT_EQ(Classify("{\"a\":\0}"sv).source, Source::kStdout);
}

TEST(Classify, DepthEndsAt512) {
  EXPECT_EQ(Classify(Nested(512)).source, Source::kAgent);
  EXPECT_EQ(Classify(Nested(513)).source, Source::kStdout);
  EXPECT_EQ(LineOf(Classify(Nested(513)).json), Nested(513));
}

TEST(Classify, BytesThatAreNotUtf8AddBase64) {
  EXPECT_EQ(Classify("a\xff"),
            (Classified{Source::kStdout,
                        "{\"type\":\"stdout\",\"text\":\"a\ufffd\",\"base64\":\"Yf8=\"}"}));
  // An object otherwise, but no JSON text.
  const Classified object = Classify("{\"a\":\"\xed\xa0\x80\"}");
  EXPECT_EQ(object.source, Source::kStdout);
  EXPECT_EQ(LineOf(object.json), "{\"a\":\"\xed\xa0\x80\"}");
}

TEST(Classify, StderrIsAlwaysWrapped) {
  EXPECT_EQ(ClassifyStderr(R"({"type":"result"})"),
            (Classified{Source::kStderr, R"({"type":"stderr","text":"{\"type\":\"result\"}"})"}));
  EXPECT_EQ(ClassifyStderr("\xff"),
            (Classified{Source::kStderr,
                        "{\"type\":\"stderr\",\"text\":\"\ufffd\",\"base64\":\"/w==\"}"}));
}

TEST(Classify, WhatComesOutIsAlwaysAnEventAndGivesItsLineBack) {
  std::mt19937 random(7);
  for (int i = 0; i < 5000; ++i) {
    const std::string line = RandomLine(random, random() % 80);
    for (const Classified& made : {Classify(line), ClassifyStderr(line)}) {
      ASSERT_TRUE(IsEvent(made.json));
      ASSERT_TRUE(ParseJsonObject(made.json, "event").has_value());
      ASSERT_EQ(LineOf(made.json), line);
      ASSERT_EQ(TypeOf(made.json), NameOf(made.source));
      ASSERT_EQ(Classify(made.json), (Classified{Source::kAgent, made.json}));
    }
  }
}

// Valid text too, since random bytes are almost never that.
TEST(LineOf, RoundTripsTextOfEveryKind) {
  constexpr std::string_view kPieces[] = {
      "a", "\"", "\\",     "\\u0041", "\\ud800", "\t", "\r",     "\x01", "\x7f",
      "é", "😀",  "\u2028", "\ufffd",  "{",       "}",  "base64", "\xff", "\xed\xa0\x80"};
  std::mt19937 random(8);
  for (int i = 0; i < 20'000; ++i) {
    std::string line = "x";
    for (std::size_t n = random() % 12; n > 0; --n) line += kPieces[random() % std::size(kPieces)];
    ASSERT_EQ(LineOf(Classify(line).json), line);
    ASSERT_EQ(LineOf(ClassifyStderr(line).json), line);
  }
}

TEST(LineOf, AllBytesAtOnceComeBack) {
  std::string line;
  for (int c = 0; c < 256; ++c) line += static_cast<char>(c);
  EXPECT_EQ(LineOf(ClassifyStderr(line).json), line);
}

TEST(LineOf, OfWhatWasMadeElsewhereIsTheTextOrEmpty) {
  EXPECT_EQ(LineOf(R"({"type":"stdout","text":"a","base64":"not base64!"})"), "a");
  EXPECT_EQ(LineOf(R"({"type":"stdout","text":"a","base64":5})"), "a");
  EXPECT_EQ(LineOf(R"({"type":"stdout","text":5})"), "");
  EXPECT_EQ(LineOf(R"({"type":"stdout"})"), "");
  EXPECT_EQ(LineOf(R"({"type":"stdout","text":"x","base64":""})"), "");
}

TEST(IsEvent, RefusesWhatCanNotBeStored) {
  for (const std::string_view json : {"", " ", "[]", "1", "null", "{", "{}x", "{\n}", "{}\n",
                                      "\n{}", "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}", "{\"a\":01}"}) {
    EXPECT_FALSE(IsEvent(json)) << json;
  }
}

TEST(TypeOf, IsTheLastTopLevelType) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"type":"assistant"})", "assistant"},
      {R"({"type":"a","x":{"type":"inner"},"type":"b"})", "b"},
      {R"({"x":{"type":"inner"}})", "unknown"},
      {R"({"type":"a","type":5})", "unknown"},
      {R"({"type":5,"type":"a"})", "a"},
      {R"({"\u0074ype":"escaped key"})", "escaped key"},
      {R"({"type":"a","t\u0079pe":"b"})", "b"},
      {R"({"\\u0074ype":"other key"})", "unknown"},
      {R"({"Type":"a"})", "unknown"},
      {R"({"type":"\u0061\ud83d\ude00\ud800"})", "a😀\ufffd"},
      {R"( { "type" : "spaced" } )", "spaced"},
      {R"({})", "unknown"},
      {R"({"type":null})", "unknown"},
      {R"({"type":{"type":"a"}})", "unknown"},
      {R"({"type":""})", "unknown"},
      {R"({"type":" "})", " "},
  };
  for (const auto& [json, type] : cases) EXPECT_EQ(TypeOf(json), type) << json;
}

TEST(TypeOf, CountsCharactersNotBytes) {
  const auto type_of = [](const std::string& type) {
    return TypeOf("{\"type\":\"" + type + "\"}");
  };
  const auto repeat = [](std::string_view piece, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text.append(piece);
    return text;
  };
  EXPECT_EQ(type_of(repeat("x", 50)), repeat("x", 50));
  EXPECT_EQ(type_of(repeat("x", 51)), "unknown");
  EXPECT_EQ(type_of(repeat("😀", 50)), repeat("😀", 50));
  EXPECT_EQ(type_of(repeat("😀", 51)), "unknown");
  EXPECT_EQ(type_of(repeat("\\ud83d\\ude00", 50)), repeat("😀", 50));
  EXPECT_EQ(type_of(repeat("\\u0041", 51)), "unknown");
}

TEST(Classify, HugeLinesAreOneStep) {
  std::string object = R"({"type":"big","text":")" + std::string(16 << 20, 'x') + "\"}";
  EXPECT_EQ(TypeOf(object), "big");
  EXPECT_EQ(Classify(object).source, Source::kAgent);
  object.pop_back();
  EXPECT_EQ(Classify(object).source, Source::kStdout);
  EXPECT_EQ(Classify(std::string(1 << 20, '[')).source, Source::kStdout);
  EXPECT_EQ(Classify(R"({"a":)" + std::string(1 << 20, '[')).source, Source::kStdout);
}

}  // namespace
}  // namespace vm0::event
