// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "feed/feed_fixture.h"

namespace vm0::feed {
namespace {

using store::BodyOf;
using store::JsonOf;

struct AppendTest : FeedTest {};

TEST_F(AppendTest, TheGateDecidesInTheSameTransaction) {
  const auto refused = Append(BodyOf(1, 2), [id = run](store::Stores& s) -> Status {
    auto row = s.runs.FindRun(id).value().value();
    row.machine = "changed";
    VM0_TRY(s.runs.UpdateRun(row));
    return Fail(Code::kForbidden, "no");
  });
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_TRUE(Read(0).events.empty());
  EXPECT_EQ(Read(0).run->machine, "");
}

TEST_F(AppendTest, ManyAppendsAtOnceShareCommits) {
  std::vector<RunId> runs;
  for (int i = 0; i < 64; ++i) runs.push_back(store::InsertRunning(store).id);
  const auto before = store.database->stats();
  int acknowledged = 0;
  const auto count = [&](std::exception_ptr, Result<std::int64_t> last) {
    EXPECT_EQ(last.value_or(0), 3);
    ++acknowledged;
  };
  for (const RunId id : runs) {
    asio::co_spawn(store.loop, feed->Append(id, BodyOf(1, 3), OpenGate), count);
  }
  store.loop.restart();
  store.loop.run();
  EXPECT_EQ(acknowledged, 64);
  EXPECT_EQ(store.database->stats().commits - before.commits, 1u);
}

struct Numbering final : Observer {
  void OnStored(std::span<const event::RecordView> records) override {
    for (const auto& record : records) numbers.push_back(record.sequence);
  }
  Numbers numbers;
};

TEST_F(AppendTest, AnObserverSeesEachEventThatIsStoredOnce) {
  Numbering seen;
  feed = std::make_unique<Feed>(*store.database, clock, limits, &seen);
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  ASSERT_TRUE(Append(BodyOf(2, 5)));
  ASSERT_TRUE(Append(BodyOf(1, 5)));
  ASSERT_FALSE(Append(BodyOf(9, 9)));
  ASSERT_TRUE(AppendRaw({JsonOf(6), JsonOf(7)}));
  EXPECT_EQ(seen.numbers, (Numbers{1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(AppendTest, OutsidersEventsGetNumbersAndTheServersTime) {
  const auto first = AppendRaw({JsonOf(1), JsonOf(2)}).value();
  EXPECT_EQ(first.count, 2);
  EXPECT_EQ(first.first_sequence, 1);
  EXPECT_EQ(first.last_sequence, 2);
  const WallTime then = clock.WallNow();
  clock.JumpWall(-Seconds(3600));  // somebody set the clock
  EXPECT_EQ(AppendRaw({JsonOf(3)})->first_sequence, 3);
  clock.JumpWall(Seconds(7200));
  EXPECT_EQ(AppendRaw({JsonOf(4)})->last_sequence, 4);
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    const Page page = Read(0);
    ASSERT_EQ(page.events.size(), 4u);
    EXPECT_EQ(page.events[2]->created_at, then);  // never backward
    EXPECT_EQ(page.events[3]->created_at, then + Seconds(3600));
    EXPECT_EQ(page.events[3]->source, event::Source::kAgent);
    EXPECT_EQ(page.events[3]->type, "assistant");
  }
}

TEST_F(AppendTest, OutsidersMayRepeatThemselvesWithNumbers) {
  ASSERT_TRUE(AppendRaw({"{\"a\":1}", "{\"a\":2}"}, 1));
  clock.Advance(Seconds(5));
  const auto again = AppendRaw({"{\"a\":2}", "{\"a\":3}"}, 2).value();
  EXPECT_EQ(again.count, 2);
  EXPECT_EQ(again.first_sequence, 2);
  EXPECT_EQ(again.last_sequence, 3);
  EXPECT_EQ(AppendRaw({"{\"a\":1}"}, 1)->last_sequence, 1);
  EXPECT_EQ(Read(0).events.size(), 3u);
  EXPECT_EQ(AppendRaw({"{\"a\":0}"}, 2).error().code, Code::kEventMismatch);
  const auto gap = AppendRaw({"{\"a\":5}"}, 5);
  EXPECT_EQ(gap.error().code, Code::kSequenceGap);
  EXPECT_EQ(gap.error().number, 4);
  EXPECT_EQ(AppendRaw({"{}"}, 0).error().code, Code::kBadRequest);
  EXPECT_EQ(AppendRaw({}).error().code, Code::kBadRequest);
  const std::vector<std::string> many(kMaxAppendEvents + 1, "{}");
  EXPECT_EQ(AppendRaw(many).error().code, Code::kPayloadTooLarge);
}

}  // namespace
}  // namespace vm0::feed
