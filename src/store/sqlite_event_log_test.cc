// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_event_log.h"

#include <gtest/gtest.h>

#include "store/sqlite.h"
#include "store/test_store.h"

namespace vm0::store {
namespace {

struct EventLogTest : testing::Test {
  EventLogTest() { run = InsertRunning(store).id; }

  Result<std::int64_t> Append(const std::string& body) {
    return store.Write([id = run, body](Stores& s) -> Result<std::int64_t> {
      VM0_ASSIGN(const auto records, event::ParseRecords(body));
      return s.events.Append(id, records);
    });
  }
  std::vector<event::Event> All() {
    return store.reader().events.Read(run, 0, 1 << 20, 1 << 30).value();
  }

  TestStore store;
  RunId run;
};

TEST_F(EventLogTest, KeepsEveryByteOfAnEvent) {
  const std::string odd =
      "{ \"type\" : \"a\\u0000\", \"x\":1e400,\"x\":2,\t\"\xe2\x80\xa8\":\"\\ud800\"}";
  std::string body;
  event::AppendRecord(body, 1, TimeOf(5), event::Source::kVm0, odd);
  event::AppendRecord(body, 2, TimeOf(4), event::Source::kStderr, "{}");
  ASSERT_EQ(Append(body).value(), 2);
  store.Reopen();
  const auto events = All();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].json, odd);
  EXPECT_EQ(events[0].source, event::Source::kVm0);
  EXPECT_EQ(events[0].created_at, TimeOf(5));
  EXPECT_EQ(events[1].type, "unknown");
  EXPECT_EQ(events[1].source, event::Source::kStderr);
}

TEST_F(EventLogTest, AcceptsWhatIsStoredAgainAndStoresItOnce) {
  EXPECT_EQ(Append(BodyOf(1, 5)).value(), 5);
  EXPECT_EQ(Append(BodyOf(1, 5)).value(), 5);
  EXPECT_EQ(Append(BodyOf(2, 3)).value(), 5);
  EXPECT_EQ(Append(BodyOf(4, 8)).value(), 8);
  const auto events = All();
  ASSERT_EQ(events.size(), 8u);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].sequence, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(events[i].json, JsonOf(events[i].sequence));
  }
}

TEST_F(EventLogTest, NamesTheNumberThatAGapMisses) {
  EXPECT_EQ(Append(BodyOf(2, 3)).error().number, 1);
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  const auto gap = Append(BodyOf(4, 4));
  EXPECT_EQ(gap.error().code, Code::kSequenceGap);
  EXPECT_EQ(gap.error().number, 3);
  EXPECT_EQ(Append("9223372036854775807 1 agent {}\n").error().number, 3);
  EXPECT_EQ(All().size(), 2u);
}

TEST_F(EventLogTest, RefusesOtherBytesUnderAStoredNumberAndStoresNothingOfThatBatch) {
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  const std::string next = "4 1000004 agent {}\n";
  for (const char* other : {
           "3 1000003 agent {\"type\":\"assistant\",\"n\":3 }\n",  // other JSON
           "3 1000004 agent {\"type\":\"assistant\",\"n\":3}\n",   // other time
           "3 1000003 stdout {\"type\":\"assistant\",\"n\":3}\n",  // other source
       }) {
    const auto mismatch = Append(other + next);
    ASSERT_FALSE(mismatch);
    EXPECT_EQ(mismatch.error().code, Code::kEventMismatch);
    EXPECT_NE(mismatch.error().message.find("event 3"), std::string::npos);
  }
  EXPECT_EQ(All().size(), 3u);
}

TEST_F(EventLogTest, NumbersEachRunForItself) {
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  const RunId first = run;
  run = InsertRunning(store).id;
  EXPECT_EQ(store.reader().events.LastSequence(run).value(), 0);
  ASSERT_TRUE(Append(BodyOf(1, 1)));
  EXPECT_EQ(store.reader().events.LastSequence(run).value(), 1);
  EXPECT_EQ(store.reader().events.LastSequence(first).value(), 2);
}

TEST_F(EventLogTest, RefusesEventsOfARunThatIsNotThere) {
  run = RunId::New(TimeOf(77));
  EXPECT_EQ(Append(BodyOf(1, 1)).error().code, Code::kIo);
}

TEST_F(EventLogTest, ReadsAtMostSoManyEventsAndBytesButAlwaysOne) {
  ASSERT_TRUE(Append(BodyOf(1, 5)));
  const std::size_t size = JsonOf(1).size();
  const auto read = [&](std::int64_t since, int limit, std::size_t bytes) {
    return store.reader().events.Read(run, since, limit, bytes)->size();
  };
  EXPECT_EQ(read(0, 3, 1 << 20), 3u);
  EXPECT_EQ(read(3, 100, 1 << 20), 2u);
  EXPECT_EQ(read(5, 100, 1 << 20), 0u);
  EXPECT_EQ(read(0, 100, 3 * size), 3u);
  EXPECT_EQ(read(0, 100, 3 * size - 1), 2u);
  EXPECT_EQ(read(0, 100, 1), 1u);
}

TEST_F(EventLogTest, StoresAnEventOfTheLargestSize) {
  const std::string json = "{\"t\":\"" + std::string(event::kMaxLineLimit - 8, 'x') + "\"}";
  std::string body;
  event::AppendRecord(body, 1, TimeOf(1), event::Source::kAgent, json);
  ASSERT_TRUE(Append(body));
  EXPECT_EQ(All().front().json, json);
}

TEST_F(EventLogTest, GivesRecordsAsTheyCame) {
  const std::string body = BodyOf(1, 5);
  ASSERT_TRUE(Append(body));
  auto& events = store.reader().events;
  EXPECT_EQ(events.ReadRecords(run, 0, 10, 1 << 20)->lines, body);
  EXPECT_EQ(events.ReadRecords(run, 2, 2, 1 << 20)->lines, BodyOf(3, 4));
  EXPECT_EQ(events.ReadRecords(run, 0, 10, 1)->lines, BodyOf(1, 1));  // one always
  EXPECT_EQ(events.ReadRecords(run, 5, 10, 1 << 20)->lines, "");
}

TEST_F(EventLogTest, NamesTheFirstRecordThatIsNotAsItCame) {
  ASSERT_TRUE(Append(BodyOf(1, 5)));
  auto other = SqliteConnection::Open(store.path());
  ASSERT_TRUE((*other)->Execute("UPDATE events SET source = 'odd' WHERE sequence IN (2, 4)"));
  auto& events = store.reader().events;
  EXPECT_EQ(events.ReadRecords(run, 0, 10, 1 << 20)->first_damaged, 2);
  EXPECT_EQ(events.ReadRecords(run, 2, 10, 1 << 20)->first_damaged, 4);
  EXPECT_EQ(events.ReadRecords(run, 4, 10, 1 << 20)->first_damaged, std::nullopt);
  EXPECT_NE(events.ReadRecords(run, 1, 1, 1 << 20)->lines.find("2 1000002 odd {"),
            std::string::npos);
}

TEST_F(EventLogTest, EventsOfAnOlderVm0HaveNoChecksumToMatch) {
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  auto other = SqliteConnection::Open(store.path());
  ASSERT_TRUE((*other)->Execute("UPDATE events SET checksum = NULL"));
  EXPECT_EQ(store.reader().events.ReadRecords(run, 0, 10, 1 << 20)->first_damaged, std::nullopt);
}

TEST_F(EventLogTest, AnOutsidersEventsHaveAChecksumToo) {
  const std::string json = JsonOf(1);
  const auto stored = store.Write([&](Stores& s) {
    const event::RecordView record{1, TimeOf(7), event::Source::kAgent, json, {}, "assistant"};
    return s.events.Append(run, std::span(&record, 1));
  });
  ASSERT_TRUE(stored);
  auto other = SqliteConnection::Open(store.path());
  ASSERT_TRUE((*other)->Execute("UPDATE events SET created_at = 8"));
  EXPECT_EQ(store.reader().events.ReadRecords(run, 0, 10, 1 << 20)->first_damaged, 1);
}

TEST_F(EventLogTest, HashesTheRecordsAsTheyCame) {
  EXPECT_EQ(store.reader().events.Hash(run).value(), event::ChainHash().Hex());
  const std::string body = BodyOf(1, 20);
  ASSERT_TRUE(Append(BodyOf(1, 7)));
  ASSERT_TRUE(Append(BodyOf(5, 20)));
  event::ChainHash expected;
  const auto records = event::ParseRecords(body);
  for (const auto& record : *records) expected.Add(record.line);
  EXPECT_EQ(store.reader().events.Hash(run).value(), expected.Hex());
}

TEST_F(EventLogTest, KeepsOneEndPerRun) {
  EXPECT_FALSE(store.reader().events.FindEnd(run)->has_value());
  RunEnd end;
  end.run_id = run;
  end.status = RunStatus::kFailed;
  end.last_sequence = 7;
  end.hash = "abc";
  end.signal = 9;
  end.reason = "killed";
  end.output_complete = false;
  end.created_at = TimeOf(3);
  const auto insert = [&](RunEnd e) {
    return store.Write([e](Stores& s) { return s.events.InsertEnd(e); });
  };
  ASSERT_TRUE(insert(end));
  RunEnd other = end;
  other.status = RunStatus::kCompleted;
  EXPECT_EQ(insert(other).error().code, Code::kConflict);
  EXPECT_EQ(store.reader().events.FindEnd(run).value().value(), end);
}

}  // namespace
}  // namespace vm0::store
