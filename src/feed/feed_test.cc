// SPDX-License-Identifier: Apache-2.0
#include "feed/feed.h"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <random>
#include <thread>

#include "feed/feed_fixture.h"
#include "store/sqlite.h"

namespace vm0::feed {
namespace {

using store::Await;
using store::BodyOf;
using store::JsonOf;
using store::TimeOf;

TEST_F(FeedTest, PagesAreAscendingAndHasMoreIsExact) {
  ASSERT_EQ(Append(BodyOf(1, 10)).value(), 10);
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    Page page = Read(0, 4);
    EXPECT_EQ(NumbersOf(page), (Numbers{1, 2, 3, 4}));
    EXPECT_EQ(page.next_sequence, 4);
    EXPECT_TRUE(page.has_more);
    page = Read(4, 6);
    EXPECT_EQ(NumbersOf(page), (Numbers{5, 6, 7, 8, 9, 10}));
    EXPECT_FALSE(page.has_more);  // exactly `limit` were left
    page = Read(10, 100);
    EXPECT_TRUE(page.events.empty());
    EXPECT_EQ(page.next_sequence, 10);
    EXPECT_FALSE(page.has_more);
  }
}

TEST_F(FeedTest, MemoryAndStoreGiveTheSamePages) {
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Append(BodyOf(i * 5 + 1, i * 5 + 5)));
  Feed cold(*store.database, clock);
  for (std::int64_t since = 0; since <= 30; ++since) {
    for (const int limit : {1, 7, 1000}) {
      const Page warm_page = Read(since, limit);
      const Page cold_page = cold.Read(run, since, limit).value();
      ASSERT_EQ(NumbersOf(warm_page), NumbersOf(cold_page));
      EXPECT_EQ(warm_page.has_more, cold_page.has_more);
      EXPECT_EQ(warm_page.next_sequence, cold_page.next_sequence);
      for (std::size_t i = 0; i < warm_page.events.size(); ++i) {
        EXPECT_EQ(*warm_page.events[i], *cold_page.events[i]);
      }
    }
  }
  EXPECT_GT(feed->tail_bytes(), 0u);
  EXPECT_EQ(cold.tail_bytes(), 0u);
}

TEST_F(FeedTest, ResumesAfterRestartWithoutGapOrDuplicate) {
  limits.events_per_run = 8;
  Restart();
  std::mt19937 random(1);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  std::int64_t written = 0;
  std::int64_t cursor = 0;
  std::int64_t expected = 1;
  while (expected <= 400) {
    if (written < 400 && pick(0, 1) == 0) {
      const std::int64_t again = std::max<std::int64_t>(1, written - pick(0, 5));
      const std::int64_t last = written + pick(1, 12);
      ASSERT_EQ(Append(BodyOf(again, last)).value(), last);
      written = last;
    }
    if (pick(0, 9) == 0) Restart();
    const Page page = Read(cursor, pick(1, 20));
    for (const auto& event : page.events) {
      ASSERT_EQ(event->sequence, expected);
      ASSERT_EQ(event->json, JsonOf(expected));
      ++expected;
    }
    ASSERT_EQ(page.has_more, expected <= written);
    cursor = page.next_sequence;
  }
}

TEST_F(FeedTest, ARunThatIsNotThereIsNotFound) {
  const auto page = feed->Read(RunId::New(TimeOf(5)), 0, 10);
  EXPECT_EQ(page.error().code, Code::kNotFound);
  EXPECT_EQ(page.error().message, "Agent run not found");
}

TEST_F(FeedTest, ACursorBeyondTheLastNumberIsRefusedWithThatNumber) {
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  const auto page = feed->Read(run, 4, 10);
  EXPECT_EQ(page.error().code, Code::kCursorAhead);
  EXPECT_EQ(page.error().number, 3);
}

TEST_F(FeedTest, ACursorBeforeWhatIsKeptIsRefusedWithTheFirstNumber) {
  ASSERT_TRUE(Append(BodyOf(1, 10)));
  Restart();
  store.database.reset();
  {
    auto connection = store::SqliteConnection::Open(store.path());
    ASSERT_TRUE((*connection)->Execute("DELETE FROM events WHERE sequence < 5"));
  }
  feed.reset();
  store.Open();
  feed = std::make_unique<Feed>(*store.database, clock);
  const auto page = feed->Read(run, 2, 10);
  EXPECT_EQ(page.error().code, Code::kEventsPruned);
  EXPECT_EQ(page.error().number, 5);
  EXPECT_EQ(NumbersOf(Read(4)), (Numbers{5, 6, 7, 8, 9, 10}));
}

TEST_F(FeedTest, OnlyThePageThatReachesTheEndSaysThatTheRunHasEnded) {
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  End(store::RunStatus::kFailed);
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    const Page before = Read(0, 2);
    EXPECT_TRUE(before.has_more);
    EXPECT_EQ(before.run->status, store::RunStatus::kRunning);
    EXPECT_FALSE(before.run->error || before.run->result || before.run->completed_at);
    const Page last = Read(2, 2);
    EXPECT_FALSE(last.has_more);
    EXPECT_EQ(last.run->status, store::RunStatus::kFailed);
    EXPECT_EQ(last.run->error, "why");
    EXPECT_EQ(Read(3).run->status, store::RunStatus::kFailed);
  }
}

TEST_F(FeedTest, ReadsWhatIsCommittedBeforeItsWriterWasTold) {
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  bool told = false;
  store.database->Submit(
      [id = run](store::Stores& s) -> Status {
        const std::string body = BodyOf(3, 4);
        VM0_TRY(s.events.Append(id, *event::ParseRecords(body)));
        auto row = s.runs.FindRun(id).value().value();
        row.status = store::RunStatus::kCompleted;
        row.completed_at = TimeOf(9);
        return s.runs.UpdateRun(row);
      },
      [&](Status) { told = true; });
  store.database->Submit([](store::Stores&) { return Status{}; }, [](Status) {});
  store.loop.restart();
  store.loop.poll_one();  // both go to the committer thread
  while (store.reader().events.LastSequence(run).value() < 4) std::this_thread::yield();
  ASSERT_FALSE(told);
  Page page = Read(0);  // from the tail, which knows no more than 2
  EXPECT_EQ(NumbersOf(page), (Numbers{1, 2}));
  EXPECT_TRUE(page.has_more);
  EXPECT_EQ(page.run->status, store::RunStatus::kRunning);
  page = Read(page.next_sequence);
  EXPECT_EQ(NumbersOf(page), (Numbers{3, 4}));
  EXPECT_EQ(page.run->status, store::RunStatus::kCompleted);
  store.loop.restart();
  store.loop.run();
}

struct Ear final : Listener {
  void OnNews() override { ++heard; }
  int heard = 0;
};

TEST_F(FeedTest, AListenerHearsOfItsRunWhileItIsSubscribed) {
  Ear ear, other;
  auto subscription = feed->Subscribe(run, ear);
  const RunId mine = run;
  run = store::InsertRunning(store).id;
  const auto others = feed->Subscribe(run, other);
  EXPECT_EQ(feed->listeners(), 2u);
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  run = mine;
  EXPECT_EQ(ear.heard, 0);
  EXPECT_EQ(other.heard, 1);
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  ASSERT_TRUE(Append(BodyOf(2, 3)));  // repeated
  End(store::RunStatus::kCompleted);
  EXPECT_EQ(ear.heard, 2);
  subscription.reset();
  EXPECT_EQ(feed->listeners(), 1u);
  feed->Wake(run);
  EXPECT_EQ(ear.heard, 2);
}

TEST_F(FeedTest, TheHeadOfARunThatIsListenedToIsReadOnceForEachWake) {
  Ear ear;
  auto subscription = feed->Subscribe(run, ear);
  const auto first = feed->ReadHead(run).value();
  EXPECT_EQ(feed->ReadHead(run)->run, first.run) << "the same object";
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  const auto second = feed->ReadHead(run).value();
  EXPECT_EQ(second.last_sequence, 2);
  EXPECT_EQ(first.last_sequence, 0);
  End(store::RunStatus::kCompleted);
  EXPECT_EQ(feed->ReadHead(run)->run->status, store::RunStatus::kCompleted);
  EXPECT_EQ(second.run->status, store::RunStatus::kRunning) << "who holds it sees no change";
  const auto kept = feed->ReadHead(run).value();
  subscription.reset();
  EXPECT_NE(feed->ReadHead(run)->run, kept.run) << "nobody listens: nothing is kept";
}

TEST_F(FeedTest, ANumberThatIsCommittedIsNotAheadOfAKeptHead) {
  Ear ear;
  const auto subscription = feed->Subscribe(run, ear);
  ASSERT_EQ(feed->ReadHead(run)->last_sequence, 0);
  ASSERT_TRUE(store.Write([id = run](store::Stores& s) -> Status {
    const std::string body = BodyOf(1, 2);
    VM0_TRY(s.events.Append(id, *event::ParseRecords(body)));
    return {};
  }));
  EXPECT_EQ(feed->ReadHead(run)->last_sequence, 0) << "its wake is still to come";
  EXPECT_EQ(feed->Read(run, 3, 10).error().number, 2);
  ASSERT_TRUE(feed->Read(run, 2, 10));
  EXPECT_EQ(NumbersOf(Read(1)), Numbers{2});
}

TEST_F(FeedTest, EventsAreReadWithinANumberAndASize) {
  ASSERT_TRUE(Append(BodyOf(1, 10)));
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    const Head head = feed->ReadHead(run).value();
    EXPECT_EQ(feed->ReadEvents(head, 2, 3, 1 << 20)->size(), 3u);
    EXPECT_EQ(feed->ReadEvents(head, 2, 1000, 1)->size(), 1u) << "always one";
    EXPECT_TRUE(feed->ReadEvents(head, 10, 5, 1 << 20)->empty());
    EXPECT_EQ(feed->ReadEvents(head, 11, 5, 1 << 20).error().code, Code::kCursorAhead);
  }
}

// A reader that waits; how often it came back.
asio::awaitable<void> WaitOnce(Feed& feed, RunId run, std::int64_t since, MonoTime deadline,
                               std::shared_ptr<Feed::Waiter> waiter, int& returned) {
  co_await feed.Wait(run, since, deadline, waiter);
  ++returned;
}

struct WaitTest : FeedTest {
  ~WaitTest() override {
    waiter->Cancel();
    Poll();
  }
  void Poll() {
    store.loop.restart();
    store.loop.poll();
  }
  void Spawn(std::int64_t since) {
    asio::co_spawn(store.loop, WaitOnce(*feed, run, since, deadline, waiter, returned),
                   asio::detached);
    Poll();
  }

  std::shared_ptr<Feed::Waiter> waiter = feed->NewWaiter();
  MonoTime deadline = clock.Now() + Seconds(60);
  int returned = 0;
};

TEST_F(WaitTest, ReturnsAtOnceWhenThereIsSomethingAlready) {
  ASSERT_TRUE(Append(BodyOf(1, 3)));
  Spawn(2);
  EXPECT_EQ(returned, 1);
  EXPECT_EQ(feed->waiting_readers(), 0u);
  EXPECT_EQ(clock.pending(), 0u);
}

TEST_F(WaitTest, WakesOnAnEvent) {
  Spawn(0);
  EXPECT_EQ(returned, 0);
  EXPECT_EQ(feed->waiting_readers(), 1u);
  ASSERT_TRUE(Append(BodyOf(1, 1)));
  Poll();
  EXPECT_EQ(returned, 1);
  EXPECT_EQ(feed->waiting_readers(), 0u);
  EXPECT_EQ(clock.pending(), 0u);
}

TEST_F(WaitTest, WakesOnAnOutsidersEvent) {
  Spawn(0);
  ASSERT_TRUE(AppendRaw({"{}"}));
  Poll();
  EXPECT_EQ(returned, 1);
}

TEST_F(WaitTest, DoesNotWakeOnWhatWasStoredBeforeOrOnAnotherRun) {
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  Spawn(2);  // the wake came before it subscribed: once for nothing is allowed
  if (returned == 1) Spawn(2);
  const int before = returned;
  ASSERT_TRUE(Append(BodyOf(1, 2)));  // repeated
  const RunId mine = run;
  run = store::InsertRunning(store).id;
  ASSERT_TRUE(Append(BodyOf(1, 2)));
  run = mine;
  Poll();
  EXPECT_EQ(returned, before);
}

TEST_F(WaitTest, WakesOnTheEndAndThenAlwaysReturnsAtOnce) {
  Spawn(0);
  End(store::RunStatus::kCancelled);
  Poll();
  EXPECT_EQ(returned, 1);
  Spawn(0);
  EXPECT_EQ(returned, 2);
}

TEST_F(WaitTest, WakesAtTheDeadline) {
  Spawn(0);
  clock.Advance(Seconds(60) - Micros(1));
  Poll();
  EXPECT_EQ(returned, 0);
  clock.Advance(Micros(1));
  Poll();
  EXPECT_EQ(returned, 1);
  Spawn(0);  // a deadline in the past
  EXPECT_EQ(returned, 2);
}

TEST_F(WaitTest, EndsWhenItsOwnerCancelsBeforeOrMeanwhile) {
  Spawn(0);
  waiter->Cancel();
  EXPECT_EQ(returned, 0);  // not inside of Cancel
  Poll();
  EXPECT_EQ(returned, 1);
  Spawn(0);
  EXPECT_EQ(returned, 2);
}

TEST_F(WaitTest, AWakeBetweenTwoWaitsIsNotLost) {
  Spawn(0);
  feed->Wake(run);
  Poll();
  EXPECT_EQ(returned, 1);
  feed->Wake(run);  // its row changed while the reader wrote to its peer
  Spawn(0);
  EXPECT_EQ(returned, 2);
  Spawn(0);  // once
  EXPECT_EQ(returned, 2);
}

TEST_F(WaitTest, AWakeBetweenTheFirstReadAndTheFirstWaitIsNotLost) {
  feed->Wake(run);
  Spawn(0);
  EXPECT_EQ(returned, 1);
  Spawn(0);
  EXPECT_EQ(returned, 1);
}

// Reads to the end of the run, waiting whenever there is nothing.
asio::awaitable<void> Follow(Feed& feed, os::Clock& clock, RunId run,
                             std::vector<std::int64_t>& seen, bool& ended) {
  auto waiter = feed.NewWaiter();
  std::int64_t cursor = 0;
  for (;;) {
    const auto page = feed.Read(run, cursor, 3);
    if (!page) co_return;
    for (const auto& event : page->events) seen.push_back(event->sequence);
    cursor = page->next_sequence;
    if (!page->has_more && store::IsTerminal(page->run->status)) break;
    if (page->has_more) continue;
    const MonoTime deadline = clock.Now() + Seconds(3600);
    co_await feed.Wait(run, cursor, deadline, waiter);
  }
  ended = true;
}

TEST_F(FeedTest, FollowersSeeEveryEventOnceAndTheEndLast) {
  constexpr int kFollowers = 20;
  std::vector<std::vector<std::int64_t>> seen(kFollowers);
  std::array<bool, kFollowers> ended{};
  for (std::size_t i = 0; i < kFollowers; ++i) {
    asio::co_spawn(store.loop, Follow(*feed, clock, run, seen[i], ended[i]), asio::detached);
  }
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Append(BodyOf(i * 4 + 1, i * 4 + 4)));
  EXPECT_EQ(feed->waiting_readers(), 20u);
  End(store::RunStatus::kCompleted);
  store.loop.restart();
  store.loop.run();  // ends: nobody waits for a deadline
  Numbers all;
  for (int i = 1; i <= 120; ++i) all.push_back(i);
  for (std::size_t i = 0; i < kFollowers; ++i) {
    EXPECT_TRUE(ended[i]);
    EXPECT_EQ(seen[i], all);
  }
}

TEST_F(FeedTest, ASlowReaderCostsNoMemory) {
  limits = {.events_per_run = 50, .bytes_per_run = 64 << 10, .bytes = 128 << 10};
  Restart();
  ASSERT_TRUE(Append(BodyOf(1, 1)));
  std::vector<std::int64_t> seen;
  const Page first = Read(0);  // a reader with its cursor at 1, which goes away for long
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Append(BodyOf(i * 100 + 2, i * 100 + 101)));
    ASSERT_LE(feed->tail_bytes(), limits.bytes_per_run);
  }
  std::int64_t cursor = first.next_sequence;
  for (;;) {
    const Page page = Read(cursor, 1000);
    for (const auto& event : page.events) seen.push_back(event->sequence);
    cursor = page.next_sequence;
    if (!page.has_more) break;
  }
  EXPECT_EQ(seen.size(), 10'000u);
  EXPECT_EQ(seen.front(), 2);
  EXPECT_EQ(seen.back(), 10'001);
  EXPECT_LE(feed->tail_bytes(), limits.bytes_per_run);
}

}  // namespace
}  // namespace vm0::feed
