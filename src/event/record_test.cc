// SPDX-License-Identifier: Apache-2.0
#include "event/record.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <random>
#include <string>

#include "event/classify.h"

namespace vm0::event {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kLine = "7 1763625600000123 agent {\"type\":\"x\"}\n";

WallTime At(std::int64_t micros) { return WallTime(Micros(micros)); }

// A body of `count` records, numbered from `first`.
std::string Body(std::int64_t first, std::size_t count) {
  std::string body;
  for (std::size_t i = 0; i < count; ++i) {
    AppendRecord(body, first + static_cast<std::int64_t>(i), At(1000), Source::kAgent, "{}");
  }
  return body;
}

Error ErrorOf(std::string_view body) {
  const auto records = ParseRecords(body);
  EXPECT_FALSE(records.has_value()) << body.substr(0, 200);
  return records ? Error{} : records.error();
}

TEST(Record, IsWrittenAsTheFormatSays) {
  std::string out;
  AppendRecord(out, 7, At(1763625600000123), Source::kAgent, R"({"type":"x"})");
  EXPECT_EQ(out, kLine);
  AppendRecord(out, 8, At(0), Source::kVm0, "{}");
  EXPECT_EQ(out, std::string(kLine) + "8 0 vm0 {}\n");
}

TEST(Record, IsReadAsViewsIntoItsBytes) {
  const std::string bytes = std::string(kLine) + "8 0 vm0 {}\n";
  const auto record = ParseRecord(bytes);
  ASSERT_TRUE(record.has_value() && record->has_value());
  EXPECT_EQ((*record)->sequence, 7);
  EXPECT_EQ((*record)->created_at, At(1763625600000123));
  EXPECT_EQ((*record)->source, Source::kAgent);
  EXPECT_EQ((*record)->json, R"({"type":"x"})");
  EXPECT_EQ((*record)->line, kLine);
  EXPECT_EQ((*record)->line.data(), bytes.data());
}

TEST(Record, TakesTheLargestNumbersAndAnyTime) {
  const auto record = ParseRecord("9223372036854775807 9223372036854775807 stderr {}\n");
  ASSERT_TRUE(record.has_value() && record->has_value());
  EXPECT_EQ((*record)->sequence, INT64_MAX);
  EXPECT_EQ((*record)->created_at, At(INT64_MAX));
}

TEST(Record, TornAtAnyByteIsNotThereYet) {
  for (std::size_t size = 0; size < kLine.size(); ++size) {
    const auto record = ParseRecord(kLine.substr(0, size));
    ASSERT_TRUE(record.has_value()) << size;
    EXPECT_FALSE(record->has_value()) << size;
  }
}

TEST(Record, JsonIsAllThatIsLeftOfTheLine) {
  const auto record = ParseRecord("1 2 stdout  { \"a b\" : 1 } \r\n");
  ASSERT_TRUE(record.has_value() && record->has_value());
  EXPECT_EQ((*record)->json, " { \"a b\" : 1 } \r");
}

TEST(Record, RefusesEveryOtherSpelling) {
  for (const std::string_view line : {
           "\n"sv,
           " \n"sv,
           "1\n"sv,
           "1 2\n"sv,
           "1 2 agent\n"sv,
           "{}\n"sv,
           "0 2 agent {}\n"sv,
           "-1 2 agent {}\n"sv,
           "+1 2 agent {}\n"sv,
           "01 2 agent {}\n"sv,
           "1.0 2 agent {}\n"sv,
           "1e3 2 agent {}\n"sv,
           "0x1 2 agent {}\n"sv,
           "9223372036854775808 2 agent {}\n"sv,
           "99999999999999999999 2 agent {}\n"sv,
           "x 2 agent {}\n"sv,
           "1 -2 agent {}\n"sv,
           "1 02 agent {}\n"sv,
           "1 9223372036854775808 agent {}\n"sv,
           "1  2 agent {}\n"sv,
           "1 2  agent {}\n"sv,
           " 1 2 agent {}\n"sv,
           "1\t2\tagent\t{}\n"sv,
           "1 2 Agent {}\n"sv,
           "1 2 root {}\n"sv,
           "1 2 agent{}\n"sv,
           "\0 2 agent {}\n"sv,
           "1\0 2 agent {}\n"sv,
           "vm0-spool v=1\n"sv,
       }) {
    const auto record = ParseRecord(line);
    ASSERT_FALSE(record.has_value()) << line;
    EXPECT_EQ(record.error().code, Code::kBadRequest) << line;
  }
}

TEST(Records, OfABodyComeInOrder) {
  const std::string body = Body(41, 3);
  const auto records = ParseRecords(body);
  ASSERT_TRUE(records.has_value());
  ASSERT_EQ(records->size(), 3U);
  std::string again;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*records)[i].sequence, 41 + static_cast<std::int64_t>(i));
    again += (*records)[i].line;
  }
  EXPECT_EQ(again, body);
}

TEST(Records, EmptyBodyIsABadRequest) {
  EXPECT_EQ(ErrorOf(""), (Error{Code::kBadRequest, "the body has no records"}));
}

TEST(Records, TornLastOneIsNamed) {
  const std::string body = Body(1, 2);
  const Error error = ErrorOf(body.substr(0, body.size() - 1));
  EXPECT_EQ(error.code, Code::kBadRequest);
  EXPECT_EQ(error.message, "record 2: it ends without a line feed");
}

TEST(Records, MalformedOneIsNamedWithTheForm) {
  const Error error = ErrorOf(Body(1, 1) + "2 3 root {}\n");
  EXPECT_EQ(error.code, Code::kBadRequest);
  EXPECT_TRUE(
      error.message.starts_with("record 2: its source is none of agent, stdout, stderr, vm0"));
  EXPECT_NE(error.message.find("<number> <unix µs> <source> <JSON object>"), std::string::npos);
  EXPECT_TRUE(ErrorOf("x\n").message.starts_with("record 1: its number"));
  EXPECT_TRUE(ErrorOf("1 x agent {}\n").message.starts_with("record 1: its time"));
}

TEST(Records, MustFollowOneAnother) {
  EXPECT_TRUE(
      ErrorOf(Body(1, 2) + Body(4, 1)).message.starts_with("record 3: its number is 4 after 2"));
  EXPECT_EQ(ErrorOf(Body(1, 2) + Body(2, 1)).code, Code::kBadRequest);
  EXPECT_EQ(ErrorOf(Body(5, 1) + Body(4, 1)).code, Code::kBadRequest);
  EXPECT_EQ(ErrorOf(Body(INT64_MAX, 1) + Body(1, 1)).code, Code::kBadRequest);
}

TEST(Records, JsonMustBeAnEvent) {
  for (const std::string_view json : {"", " ", "[]", "{", "{} {}", "{\"a\":\"\xff\"}", "null"}) {
    std::string body = Body(1, 1);
    AppendRecord(body, 2, At(1), Source::kAgent, json);
    EXPECT_EQ(ErrorOf(body).message, "record 2: its JSON is not one object in valid UTF-8") << json;
  }
}

TEST(Records, TakeWhateverClassifyTakes) {
  std::string body;
  AppendRecord(body, 1, At(5), Source::kAgent, R"({"a":"\ud800","a":1e999})");
  AppendRecord(body, 2, At(5), Source::kAgent, " {}\t\r");
  EXPECT_TRUE(ParseRecords(body).has_value());
}

TEST(Records, AThousandAreTheMost) {
  EXPECT_TRUE(ParseRecords(Body(1, kMaxBatchRecords)).has_value());
  EXPECT_EQ(ErrorOf(Body(1, kMaxBatchRecords + 1)).code, Code::kPayloadTooLarge);
}

TEST(Records, ASingleHugeOneIsTaken) {
  std::string body;
  AppendRecord(body, 1, At(5), Source::kAgent,
               "{\"a\":\"" + std::string(kMaxLineLimit - 8, 'x') + "\"}");
  ASSERT_GT(body.size(), kMaxBatchBytes);
  EXPECT_TRUE(ParseRecords(body).has_value());
}

// One changed, lost or added byte: either refused, or read as exactly the bytes that are there.
TEST(Records, DamageIsRefusedOrReadAsItStands) {
  const std::string good = Body(99, 3);
  std::mt19937 random(9);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = good;
    const std::size_t at = random() % body.size();
    switch (random() % 3) {
      case 0:
        body[at] = static_cast<char>(random() & 0xff);
        break;
      case 1:
        body.erase(at, 1);
        break;
      default:
        body.insert(at, 1, static_cast<char>(random() & 0xff));
    }
    const auto records = ParseRecords(body);
    refused += records ? 0 : 1;
    if (!records) continue;
    std::string again;
    for (const RecordView& record : *records) {
      AppendRecord(again, record.sequence, record.created_at, record.source, record.json);
    }
    ASSERT_EQ(again, body);
  }
  EXPECT_GT(refused, 10'000);
}

TEST(ChainHash, OfNothingIsZero) { EXPECT_EQ(ChainHash().Hex(), std::string(64, '0')); }

// The hashes of the document were made by another implementation of BLAKE2b.
TEST(ChainHash, GivesTheHashesOfTheWorkedExampleInTheDocs) {
  std::ifstream file(VM0_SOURCE_DIR "/docs/record-format.md");
  ChainHash hash;
  std::string body;
  std::string last_hash;
  std::size_t checked = 0;
  for (std::string line; std::getline(file, line);) {
    line += '\n';
    if (const auto record = ParseRecord(line); record && *record) {
      hash.Add(line);
      body += line;
      EXPECT_EQ(LineOf((*record)->json), checked == 2 ? "caf\xe9" : checked == 1 ? "hi" : "");
      ++checked;
    }
    if (line.starts_with("h(3) = ")) last_hash = line;
  }
  EXPECT_EQ(checked, 3U);
  EXPECT_EQ(last_hash, "h(3) = " + hash.Hex() + "\n");
  EXPECT_TRUE(ParseRecords(body).has_value());
}

TEST(ChainHash, MatchesBlake2b256OverStateAndLine) {
  ChainHash hash;
  hash.Add("1 1763625600000000 agent {\"type\":\"system\",\"subtype\":\"init\"}\n");
  EXPECT_EQ(hash.Hex(), "82fedb57aa5343c03dd614bf6a313705fc80ee546145f6c7efe5ab17fce8c961");
  hash.Add("2 1763625600250000 stdout {\"type\":\"stdout\",\"text\":\"hi\"}\n");
  EXPECT_EQ(hash.Hex(), "c25f4a634381e1e560b4dc5af593f7b2470e271bf8baefbe8b5a6fc50be2e41f");
}

TEST(ChainHash, DependsOnOrderAndOnWhereRecordsEnd) {
  const auto hash_of = [](std::initializer_list<std::string_view> lines) {
    ChainHash hash;
    for (const std::string_view line : lines) hash.Add(line);
    return hash.Hex();
  };
  EXPECT_EQ(hash_of({"a\n", "b\n"}), hash_of({"a\n", "b\n"}));
  EXPECT_NE(hash_of({"a\n", "b\n"}), hash_of({"b\n", "a\n"}));
  EXPECT_NE(hash_of({"a\n", "b\n"}), hash_of({"a\nb\n"}));
  EXPECT_NE(hash_of({"a\n"}), hash_of({"a\n", ""}));
}

}  // namespace
}  // namespace vm0::event
