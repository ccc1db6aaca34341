// SPDX-License-Identifier: Apache-2.0
#include "supervisor/masker.h"

#include <gtest/gtest.h>

#include <random>

#include "base/json_scan.h"
#include "base/text.h"

namespace vm0::supervisor {
namespace {

TEST(Masker, ReplacesAValueWhereverItStands) {
  const Masker masker({"hunter2"});
  EXPECT_EQ(masker.Mask("hunter2"), "***");
  EXPECT_EQ(masker.Mask("a hunter2 b hunter2"), "a *** b ***");
  EXPECT_EQ(masker.Mask("hunter2hunter2"), "******");
  EXPECT_EQ(masker.Mask("hunter"), "hunter");
  EXPECT_EQ(masker.Mask(""), "");
}

TEST(Masker, LeavesShortValuesAlone) {
  const Masker masker({"yes", "1234", ""});
  EXPECT_EQ(masker.Mask("yes 1234"), "yes 1234");
  EXPECT_EQ(masker.longest(), 0u);
}

TEST(Masker, KnowsAValueInsideOfJsonStrings) {
  const std::string value = "p\"a\\s/s\tw\xc3\xb6rd\xf0\x9f\x98\x80";
  const Masker masker({value});
  const std::string once = JsonQuote(value);
  EXPECT_EQ(masker.Mask("{\"a\":" + once + "}"), "{\"a\":\"***\"}");
  EXPECT_EQ(masker.Mask("{\"a\":" + JsonQuote("x " + once) + "}"), "{\"a\":\"x \\\"***\\\"\"}");
  EXPECT_EQ(masker.Mask("\"p\\\"a\\\\s/s\\tw\\u00f6rd\\ud83d\\ude00\""), "\"***\"");
  EXPECT_EQ(masker.Mask("\"p\\\"a\\\\s/s\\tw\\u00F6rd\\uD83D\\uDE00\""), "\"***\"");
  EXPECT_EQ(masker.Mask("\"p\\\"a\\\\s\\/s\\tw\xc3\xb6rd\xf0\x9f\x98\x80\""), "\"***\"");
}

TEST(Masker, KnowsOtherEncodingsOfAValue) {
  const Masker masker({"top secret/value"});
  EXPECT_EQ(masker.Mask("x=top%20secret%2Fvalue&"), "x=***&");
  EXPECT_EQ(masker.Mask("x=top%20secret%2fvalue&"), "x=***&");
  EXPECT_EQ(masker.Mask("[" + Base64Encode("top secret/value") + "]"), "[***==]");
}

TEST(Masker, MasksEachLineOfAValueOfSeveralLines) {
  const Masker masker({"-----BEGIN\r\nabcdefgh\nxy\n-----END"});
  EXPECT_EQ(masker.Mask("abcdefgh"), "***");
  EXPECT_EQ(masker.Mask("xy"), "xy");
  EXPECT_EQ(masker.Mask("-----BEGIN|-----END"), "***|***");
  EXPECT_EQ(masker.Mask("\"-----BEGIN\\r\\nabcdefgh\\nxy\\n-----END\""), "\"***\"");
}

TEST(Masker, TakesTheLongestValueAndJoinsOverlaps) {
  EXPECT_EQ(Masker({"abcde", "abcdefgh"}).Mask("abcdefgh abcdef"), "*** ***f");
  EXPECT_EQ(Masker({"abcdef", "defghi"}).Mask("abcdefghi!"), "***!");
  EXPECT_EQ(Masker({"aaaaa"}).Mask("aaaaaaa!"), "***!");
}

TEST(Masker, KeepsAnEventAnEvent) {
  const Masker masker({"secret-\"quoted\"-value"});
  const std::string line = "{\"a\":" + JsonQuote("x secret-\"quoted\"-value y") + ",\"b\":1}";
  EXPECT_EQ(masker.Mask(line), "{\"a\":\"x *** y\",\"b\":1}");
  EXPECT_TRUE(IsJson(masker.Mask(line)));
}

TEST(Masker, MasksWhatStraddlesTheEndOfABeginning) {
  const Masker masker({"0123456789"});
  const std::string text = "abc0123456789def";
  EXPECT_EQ(masker.MaskBeginning(text, 3), "abc");
  for (std::size_t size = 4; size <= 13; ++size)
    EXPECT_EQ(masker.MaskBeginning(text, size), "abc***");
  EXPECT_EQ(masker.MaskBeginning(text, 14), "abc***d");
  EXPECT_EQ(masker.MaskBeginning(text, 100), "abc***def");
}

std::string RandomText(std::mt19937& random, std::size_t size, int letters) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + random() % letters);
  return text;
}

TEST(Masker, LeavesNoValueInAnyTextAndAllElseAsItWas) {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> values;
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      values.push_back(RandomText(random, 5 + random() % 4, 2));
    }
    const Masker masker(values);
    const std::string text = RandomText(random, random() % 200, 2);
    const std::string masked = masker.Mask(text);
    for (const auto& value : values) ASSERT_EQ(masked.find(value), std::string::npos) << text;
    // What stands between two masks stands in the text, in that order.
    std::size_t position = 0;
    for (std::size_t start = 0; start < masked.size();) {
      const std::size_t end = std::min(masked.find("***", start), masked.size());
      const std::size_t found = text.find(masked.substr(start, end - start), position);
      ASSERT_NE(found, std::string::npos) << text << " " << masked;
      position = found + (end - start);
      start = end + 3;
    }
    if (masked.find('*') == std::string::npos) {
      ASSERT_EQ(masked, text);
    }
  }
}

}  // namespace
}  // namespace vm0::supervisor
