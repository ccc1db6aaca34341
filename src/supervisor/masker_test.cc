// SPDX-License-Identifier: Apache-2.0
#include "supervisor/masker.h"

#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <functional>
#include <random>

#include "base/json_scan.h"
#include "base/text.h"
#include "event/classify.h"

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
  EXPECT_EQ(masker.lookahead(), 0u);
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

TEST(Masker, KnowsNestedEscapesOfAnyKind) {
  const std::string value = "quo\"te\\d<secret>\n\xc3\xb6";
  const Masker masker({value});
  std::string text = value;
  for (int level = 0; level < 5; ++level) text = JsonQuote("x" + text);
  const std::string masked = masker.Mask("{\"a\":" + text + "}");
  EXPECT_EQ(masked.find("secret"), std::string::npos) << masked;
  EXPECT_TRUE(IsJson(masked));
  // As Go and Python write it.
  EXPECT_EQ(masker.Mask(R"({"a":"quo\"te\\d\u003csecret\u003E\n\u00F6"})"), R"({"a":"***"})");
  EXPECT_EQ(masker.Mask(R"({"a":"\u0071uo\u0022te\u005cd<secret>\u000a\u00f6"})"),
            R"({"a":"***"})");
}

TEST(Masker, KnowsAValueInAUrlAndInAForm) {
  const Masker masker({"top secret/value+1"});
  EXPECT_EQ(masker.Mask("x=top+secret%2Fvalue%2B1&"), "x=***&");
  EXPECT_EQ(masker.Mask("x=top%20secret/value+1&"), "x=***&");
  EXPECT_EQ(masker.Mask("x=top%2520secret%252fvalue%252B1&"), "x=***&");
}

TEST(Masker, KnowsAValueInTheMiddleOfLongerBase64) {
  const std::string value = "xyzzy/plugh?secret>";
  const Masker masker({value});
  for (std::size_t before = 0; before < 9; ++before) {
    for (std::size_t after = 0; after < 4; ++after) {
      const std::string bytes = std::string(before, '~') + value + std::string(after, '~');
      for (const std::string& encoded : {Base64Encode(bytes), Base64UrlEncode(bytes)}) {
        const std::string masked = masker.Mask("[" + encoded + "]");
        const std::size_t mask = masked.find("***");
        ASSERT_NE(mask, std::string::npos) << encoded;
        // What is left has no bit of the value.
        EXPECT_EQ(masked.substr(1, mask - 1), encoded.substr(0, before * 8 / 6));
        EXPECT_LE(masked.size() - mask - 4, (after * 8 + 5) / 6 + 2) << masked;
      }
    }
  }
}

TEST(Masker, KnowsBase64ThatIsWrapped) {
  const std::string value = "0123456789 a long secret value that needs more than one line";
  const Masker masker({value});
  std::string wrapped = Base64Encode("user:" + value);
  for (std::size_t i = 20; i < wrapped.size(); i += 21) wrapped.insert(i, "\n");
  const std::string masked = masker.Mask("{\"a\":" + JsonQuote(wrapped) + "}");
  EXPECT_EQ(masked, "{\"a\":\"dXNlcj***=\"}");
}

TEST(Masker, KnowsHexOfBothCases) {
  const Masker masker({"hexed/secret"});
  EXPECT_EQ(masker.Mask("00" + HexEncode("hexed/secret") + "00"), "00***00");
  EXPECT_EQ(masker.Mask("68657865642F736563726574"), "***");
}

TEST(Masker, KeepsToThePlainFormOfValuesBelowEightBytes) {
  const Masker masker({"hunter2"});
  EXPECT_EQ(masker.Mask(Base64Encode("hunter2")), Base64Encode("hunter2"));
  EXPECT_EQ(masker.Mask("hunter2"), "***");
}

TEST(Masker, MasksKeysOfObjects) {
  EXPECT_EQ(Masker({"secret-key"}).Mask(R"({"a":{"secret-key":{"x secret-key":1}}})"),
            R"({"a":{"***":{"x ***":1}}})");
}

TEST(Masker, NeverCutsAnEscape) {
  // The value begins with the letter of one escape and ends with the backslash of another.
  EXPECT_EQ(Masker({"nine-lives"}).Mask(R"({"a":"1\nine-lives"})"), R"({"a":"1***"})");
  EXPECT_EQ(Masker({"00e9secret"}).Mask(R"({"a":"1\u00e9secret2"})"), R"({"a":"1***2"})");
  EXPECT_EQ(Masker({"a secret\\"}).Mask(R"({"a":"a secret\n2"})"), R"({"a":"***2"})");
}

TEST(Masker, MasksANumberWhole) {
  EXPECT_EQ(Masker({"12345678"}).Mask(R"({"a":12345678,"b":[-9123456780.5e1,1],"c":"12345678"})"),
            R"({"a":"***","b":["***",1],"c":"***"})");
}

TEST(Masker, MasksWhatStandsInTheStringsOfASecretThatIsJson) {
  const Masker masker({R"({"id":"an id","key":"a key"})"});
  EXPECT_EQ(masker.Mask(R"({"a":{"id":"an id","key":"a key"},"b":1})"),
            R"({"a":{"***":"***","***":"***"},"b":1})");
}

TEST(Masker, LeavesTheWordFalseAloneOutsideOfStrings) {
  EXPECT_EQ(Masker({"false"}).Mask(R"({"is_error":false,"a":"false"})"),
            R"({"is_error":false,"a":"***"})");
}

TEST(Masker, GivesUpTheEventWhereNothingElseHidesASecret) {
  EXPECT_EQ(Masker({"[[[],[]]]"}).Mask(R"({"a":[[[],[]]]})"), R"({"a":***})");
}

TEST(Masker, MasksValuesThatAreMadeOfAsterisks) {
  for (const std::string value : {"*****", "********", "**\":\"**\"", "***a***b"}) {
    const Masker masker({value});
    const std::string masked = masker.Mask("{\"x" + value + ":\"" + value + value + "y\"}");
    EXPECT_EQ(masked.find(value), std::string::npos) << masked;
    EXPECT_EQ(masker.Mask(masked), masked);
  }
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

// Random secrets, in random forms, at random places of random events.
class MaskerProperty : public ::testing::Test {
 protected:
  std::size_t Below(std::size_t limit) { return random_() % limit; }

  std::string Text(std::size_t size) {
    static const std::vector<std::string> kPieces = {
        "a",    "B",   "7",  "+",     "/", "=",   "\"",   "\\",     "\n",         "\t", "\x01",
        "\x7f", "%",   "%2", "u",     "n", "\\u", "é",    "\u20ac", "\U0001F600", " ",  "'",
        "*",    "{\"", "\r", "\",\"", ":", "<&>", "0000", "]",      "\u2028",     "\\n"};
    std::string text;
    while (text.size() < size) {
      text += Below(2) == 0 ? std::string(1, static_cast<char>('!' + Below(94)))
                            : kPieces[Below(kPieces.size())];
    }
    return text;
  }

  // One of the forms that are promised, as a text.
  std::string Form(const std::string& value) {
    switch (Below(8)) {
      case 0:
        return Base64Encode(Text(Below(5)) + value + Text(Below(5)));
      case 1:
        return Base64UrlEncode(Text(Below(5)) + value + Text(Below(5)));
      case 2:
        return HexEncode(value);
      case 3:
        return Escaped(value, [](unsigned char c) { return fmt("%%%02X", c); });
      case 4:
        return Escaped(value, [](unsigned char c) { return fmt("%%%02x", c); });
      case 5:
        return JsonQuote(value);
      case 6:
        return JsonQuote(Text(3) + JsonQuote(value));
      default:
        return value;
    }
  }

  // JSON of some depth with `texts` as keys and values in it.
  std::string Object(std::vector<std::string> texts) {
    std::string json = "{\"type\":\"assistant\"";
    for (const std::string& text : texts) {
      const std::string quoted = JsonQuote(text);
      switch (Below(4)) {
        case 0:
          json += ",\"k" + std::to_string(Below(100)) + "\": " + quoted;
          break;
        case 1:
          json += "," + quoted + ":[1,null,{\"x\":true}]";
          break;
        case 2:
          json += ",\"d\":{\"e\":[" + quoted + ",-1.5e3]}";
          break;
        default:
          json += ",\"s\":" + JsonQuote("{\"inner\":" + quoted + "}");
      }
    }
    return json + "}";
  }

  static std::string fmt(const char* format, unsigned char c) {
    std::array<char, 8> buffer{};
    return {buffer.data(),
            static_cast<std::size_t>(std::snprintf(buffer.data(), buffer.size(), format, c))};
  }
  static std::string Escaped(const std::string& value,
                             const std::function<std::string(unsigned char)>& escape) {
    std::string out;
    for (const char c : value) {
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
      out += plain ? std::string(1, c) : escape(static_cast<unsigned char>(c));
    }
    return out;
  }

  static void ExpectGone(const std::string& text, const std::string& value) {
    std::vector<std::string> forms = {value, JsonQuote(value), HexEncode(value)};
    forms[1] = forms[1].substr(1, forms[1].size() - 2);
    for (std::size_t offset = 0; offset < 3; ++offset) {
      // Without the characters at both ends, which hold bits of others too.
      const std::string encoded = Base64Encode(std::string(offset, 'x') + value);
      const std::size_t begin = (8 * offset + 5) / 6;
      forms.push_back(encoded.substr(begin, 8 * (offset + value.size()) / 6 - begin));
    }
    for (const std::string& form : forms) {
      ASSERT_EQ(text.find(form), std::string::npos) << "\n" << form << "\nin\n" << text;
    }
  }

  std::mt19937 random_{11};
};

TEST_F(MaskerProperty, LeavesNoFormOfASecretInAnyEventAndKeepsItAnEvent) {
  for (int round = 0; round < 700; ++round) {
    const std::vector<std::string> values = {Text(8 + Below(20)), Text(8 + Below(60))};
    const Masker masker(values);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < 1 + Below(4); ++i) {
      texts.push_back(Text(Below(6)) + Form(values[Below(2)]) + Text(Below(6)));
    }
    const std::string line = Object(texts);
    ASSERT_TRUE(event::IsEvent(line)) << line;
    const std::string masked = masker.Mask(line);
    ASSERT_TRUE(event::IsEvent(masked)) << line << "\n" << masked;
    ASSERT_EQ(event::TypeOf(masked), "assistant");
    ASSERT_NE(masked, line);
    for (const auto& value : values) ExpectGone(masked, value);
    ASSERT_EQ(masker.Mask(masked), masked) << line;
  }
}

TEST_F(MaskerProperty, LeavesNoFormOfASecretInAnyText) {
  for (int round = 0; round < 700; ++round) {
    const std::string value = Text(8 + Below(40));
    const Masker masker({value});
    const std::string before = "<" + std::string(Below(50), '.');
    const std::string after = std::string(Below(50), '.') + ">";
    const std::string masked = masker.Mask(before + Form(value) + after);
    ExpectGone(masked, value);
    ASSERT_NE(masked.find("***"), std::string::npos);
    ASSERT_TRUE(masked.starts_with(before) && masked.ends_with(after)) << masked;
    ASSERT_EQ(masker.Mask(masked), masked);
  }
}

TEST_F(MaskerProperty, ChangesNothingWhereThereIsNoSecret) {
  const Masker masker({"a-secret-value", "another secret", "12345678"});
  for (int round = 0; round < 200; ++round) {
    const std::string line = Object({Text(30), Text(30), Text(30)});
    ASSERT_EQ(masker.Mask(line), line);
  }
}

}  // namespace
}  // namespace vm0::supervisor
