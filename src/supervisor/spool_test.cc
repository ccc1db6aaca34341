// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spool.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "os/file.h"
#include "supervisor/recorder.h"
#include "supervisor/test_folder.h"

namespace vm0::supervisor {
namespace {

using event::Source;

class SpoolTest : public ::testing::Test {
 protected:
  Spool Create() {
    auto spool = Spool::Create(path());
    EXPECT_TRUE(spool) << spool.error().message;
    return std::move(*spool);
  }
  Status Add(Spool& spool, const std::string& json) {
    std::string record;
    recorder_.Append(record, Source::kAgent, json);
    return spool.Append(record, recorder_.last_sequence());
  }
  void AddNumbered(Spool& spool, int count) {
    std::string records;
    for (int i = 0; i < count; ++i) recorder_.Append(records, Source::kAgent, "{}");
    ASSERT_TRUE(spool.Append(records, recorder_.last_sequence()));
  }
  std::filesystem::path path() const { return folder_.path() / "spool"; }
  std::string Bytes() const { return *os::ReadFile(path()); }

  os::FakeClock clock_;
  Recorder recorder_{clock_};
  TestFolder folder_;
};

TEST_F(SpoolTest, HoldsItsHeaderThenTheRecordsAsTheyAreSent) {
  Spool spool = Create();
  EXPECT_EQ(Bytes(), "vm0-spool v=1\n");
  ASSERT_TRUE(Add(spool, R"({"a":1})"));
  EXPECT_EQ(Bytes(), "vm0-spool v=1\n1 1763625600000000 agent {\"a\":1}\n");
  const auto batch = spool.Read(spool.start_offset(), {});
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->records, "1 1763625600000000 agent {\"a\":1}\n");
  EXPECT_EQ(batch->first, 1);
  EXPECT_EQ(batch->last, 1);
  EXPECT_EQ(batch->end_offset, spool.end_offset());
}

TEST_F(SpoolTest, IsNotStartedTwice) {
  { Spool spool = Create(); }
  {
    Spool spool = Create();  // a supervisor that died before its agent ran
    ASSERT_TRUE(Add(spool, "{}"));
  }
  const auto again = Spool::Create(path());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
}

TEST_F(SpoolTest, GivesAtMostAThousandRecordsABatch) {
  Spool spool = Create();
  AddNumbered(spool, 2500);
  std::int64_t offset = spool.start_offset();
  std::vector<std::pair<std::int64_t, std::int64_t>> batches;
  while (offset < spool.end_offset()) {
    const auto batch = spool.Read(offset, {});
    ASSERT_TRUE(batch);
    batches.emplace_back(batch->first, batch->last);
    offset = batch->end_offset;
  }
  EXPECT_EQ(batches, (std::vector<std::pair<std::int64_t, std::int64_t>>{
                         {1, 1000}, {1001, 2000}, {2001, 2500}}));
}

TEST_F(SpoolTest, GivesAtMostFourMebibytesABatchButAlwaysOneRecord) {
  Spool spool = Create();
  const auto big = [](std::size_t size) { return "{\"a\":\"" + std::string(size, 'x') + "\"}"; };
  for (const std::size_t size : {3u << 20, 3u << 20, 10u << 20, 5u, 6u}) {
    ASSERT_TRUE(Add(spool, big(size)));
  }
  std::int64_t offset = spool.start_offset();
  std::string all;
  std::vector<std::int64_t> lasts;
  while (offset < spool.end_offset()) {
    const auto batch = spool.Read(offset, {});
    ASSERT_TRUE(batch);
    EXPECT_TRUE(batch->first == batch->last || batch->records.size() <= event::kMaxBatchBytes);
    all += batch->records;
    lasts.push_back(batch->last);
    offset = batch->end_offset;
  }
  EXPECT_EQ(lasts, (std::vector<std::int64_t>{1, 2, 3, 5}));
  EXPECT_EQ(std::string(event::kSpoolHeader) + all, Bytes());
}

TEST_F(SpoolTest, FindsEachRecordAgain) {
  Spool spool = Create();
  AddNumbered(spool, 1200);
  for (const std::int64_t number : {1, 2, 999, 1200}) {
    const auto batch = spool.Read(*spool.OffsetOf(number), {.records = 1, .bytes = 100});
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->first, number);
    EXPECT_EQ(batch->last, number);
  }
  EXPECT_EQ(*spool.OffsetOf(1201), spool.end_offset());
  EXPECT_FALSE(spool.OffsetOf(1202));
  EXPECT_FALSE(spool.OffsetOf(0));
}

TEST_F(SpoolTest, IsWholeAfterAWriteThatFoundNoRoom) {
  Spool spool = Create();
  ASSERT_TRUE(Add(spool, "{\"first\":1}"));
  const std::string before = Bytes();
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit saved{};
  ::getrlimit(RLIMIT_FSIZE, &saved);
  rlimit tight = saved;
  tight.rlim_cur = before.size() + 10;  // the kernel writes ten bytes, then refuses
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  std::string record;
  recorder_.Append(record, Source::kAgent, "{\"second\":2}");
  const auto refused = spool.Append(record, 2);
  const std::string meanwhile = Bytes();
  ::setrlimit(RLIMIT_FSIZE, &saved);
  EXPECT_FALSE(refused);
  EXPECT_EQ(meanwhile, before);
  EXPECT_EQ(spool.last_sequence(), 1);
  ASSERT_TRUE(spool.Append(record, 2));
  EXPECT_EQ(Bytes(), before + record);
}

TEST(Recorder, NumbersFromOneAndNeverGoesBackInTime) {
  os::FakeClock clock;
  Recorder recorder(clock);
  std::string records;
  recorder.Append(records, Source::kAgent, "{}");
  clock.JumpWall(-Seconds(3600));
  recorder.Append(records, Source::kStderr, "{}");
  clock.JumpWall(Seconds(3601));
  recorder.Append(records, Source::kVm0, "{}");
  EXPECT_EQ(
      records,
      "1 1763625600000000 agent {}\n2 1763625600000000 stderr {}\n3 1763625601000000 vm0 {}\n");
  EXPECT_EQ(recorder.last_sequence(), 3);
  event::ChainHash chain;
  const auto parsed = event::ParseRecords(records);
  for (const auto& record : *parsed) chain.Add(record.line);
  EXPECT_EQ(recorder.hash(), chain.Hex());
}

}  // namespace
}  // namespace vm0::supervisor
