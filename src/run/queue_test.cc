// SPDX-License-Identifier: Apache-2.0
// Who comes next: the rows ClaimFair, ClaimUserFull and CreateOverLimit of docs/protocol.md 5.
#include "run/queue.h"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <random>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

using Names = std::vector<std::string>;

// Claims until nothing is left; whose runs they were.
Names ClaimAll(TestRuns& t) {
  Names users;
  while (const auto claimed = t.Claim()) users.push_back(claimed->run.user_id);
  return users;
}

void End(TestRuns& t, RunId run) {
  ASSERT_TRUE(t.Complete(run, CompletionOf(RunStatus::kFailed, 0)));
}

TEST(ProtocolRow, ClaimFair_GivesTurnsByRunningRunsThenByTheLastTurnThenByAge) {
  TestRuns t;
  for (int i = 0; i < 3; ++i) t.Create("many");
  t.clock.Advance(Seconds(1));
  t.Create("late");
  t.Create("late");
  EXPECT_EQ(ClaimAll(t), (Names{"many", "late", "many", "late", "many"}));
}

TEST(ProtocolRow, ClaimFair_PrefersWhoseTurnIsTheLongestAgo) {
  TestRuns t;
  for (const auto* user : {"a", "b", "c"}) {
    t.Create(user);
    End(t, t.Claim()->run.id);
  }
  // All have nothing running; the oldest run is c's, the oldest turn a's.
  for (const auto* user : {"c", "b", "a"}) {
    t.clock.Advance(Seconds(1));
    t.Create(user);
  }
  t.Restart();
  EXPECT_EQ(ClaimAll(t), (Names{"a", "b", "c"}));
}

TEST(ProtocolRow, ClaimFair_AUserWithThousandsOfRunsDoesNotHoldUpAnother) {
  TestRuns t;
  for (int i = 0; i < 50; ++i) t.Create("many");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(t.Claim()->run.user_id, "many");
  t.Create("few");
  EXPECT_EQ(t.Claim()->run.user_id, "few");
}

// Claims with a minute of patience, and says whose run it got.
asio::awaitable<void> ClaimOne(Runs& runs, MonoTime deadline, Names& got) {
  const auto claimed = co_await runs.Claim("m", deadline, std::make_shared<bool>(false));
  EXPECT_TRUE(claimed);
  got.push_back(*claimed ? (*claimed)->run.id.ToString() : "none");
}

struct WaitingClaim {
  explicit WaitingClaim(TestRuns& runs) : t(runs) {
    asio::co_spawn(t.store.loop, ClaimOne(*t.runs, t.clock.Now() + Seconds(60), got),
                   asio::detached);
    t.Pass(Micros(0));
  }
  ~WaitingClaim() {
    t.Pass(Seconds(60));
    EXPECT_EQ(got.size(), 1u);
  }
  TestRuns& t;
  Names got;
};

TEST(ProtocolRow, ClaimUserFull_WaitsForAnEndOfThatUsersAndTakesOthersMeanwhile) {
  TestRuns t({.running_per_user = 1});
  t.Create("a");
  const auto waiting = t.Create("a");
  const auto first = t.Claim().value();
  EXPECT_FALSE(t.Claim());
  const WaitingClaim claim(t);
  EXPECT_TRUE(claim.got.empty());
  const auto other = t.Create("b");
  t.Pass(Micros(0));
  EXPECT_EQ(claim.got, Names{other.id.ToString()});
  const WaitingClaim next(t);
  EXPECT_TRUE(next.got.empty());
  End(t, first.run.id);
  t.Pass(Micros(0));
  EXPECT_EQ(next.got, Names{waiting.id.ToString()});
}

TEST(ProtocolRow, ClaimUserFull_ACancelMakesRoomToo) {
  TestRuns t({.running_per_user = 1});
  t.Create();
  const auto waiting = t.Create();
  const auto first = t.Claim().value();
  const WaitingClaim claim(t);
  t.Cancel(first.run.id);
  t.Pass(Micros(0));
  EXPECT_EQ(claim.got, Names{waiting.id.ToString()});
}

TEST(ProtocolRow, ClaimUserFull_RunsOfHisOwnSandboxDoNotCount) {
  TestRuns t({.running_per_user = 1});
  const auto external = t.CreateExternal();
  ASSERT_TRUE(t.AppendRaw(external.id, {"{}"}));
  t.Create();
  EXPECT_TRUE(t.Claim());
}

TEST(ProtocolRow, CreateOverLimit_IsRefusedInTheWordsOfTheReferenceUntilOneEnds) {
  TestRuns t({.unfinished_per_user = 2});
  NewRun keyed = t.Request();
  keyed.idempotency_key = "key";
  ASSERT_TRUE(t.TryCreate(keyed));
  t.Create();
  const auto refused = t.TryCreate(t.Request());
  EXPECT_EQ(refused.error().code, Code::kTooManyRequests);
  EXPECT_EQ(refused.error().message,
            "You have reached the concurrent agent run limit. Please wait for your current run to "
            "complete before starting a new one.");
  EXPECT_TRUE(t.TryCreate(t.Request("other")));
  EXPECT_TRUE(t.TryCreate(keyed)->repeated);  // nothing new
  End(t, t.Claim()->run.id);
  EXPECT_TRUE(t.TryCreate(t.Request()));
  EXPECT_EQ(t.TryCreate(t.Request()).error().code, Code::kTooManyRequests);
}

std::optional<std::int64_t> PlaceOf(TestRuns& t, const store::Run& run) {
  return QueuePlaces::Of(t.store.reader().runs, run.user_id)->PlaceOf(run.id);
}

TEST(QueuePlaces, CountFromOneAndMoveUpWithEachClaimAndCancel) {
  TestRuns t;
  const auto first = t.Create();
  const auto second = t.Create();
  const auto third = t.Create();
  EXPECT_EQ(PlaceOf(t, first), 1);
  EXPECT_EQ(PlaceOf(t, third), 3);
  t.Claim();
  EXPECT_EQ(PlaceOf(t, first), std::nullopt);
  EXPECT_EQ(PlaceOf(t, third), 2);
  t.Cancel(second.id);
  EXPECT_EQ(PlaceOf(t, second), std::nullopt);
  EXPECT_EQ(PlaceOf(t, third), 1);
  EXPECT_EQ(PlaceOf(t, t.CreateExternal()), std::nullopt);
}

TEST(QueuePlaces, AreNotShownToOthers) {
  TestRuns t;
  const auto run = t.Create("a");
  t.Create("b");
  EXPECT_EQ(QueuePlaces::Of(t.store.reader().runs, "b")->PlaceOf(run.id), std::nullopt);
}

// Whatever is queued and running: the places are the order in which the claims then come.
TEST(QueuePlaces, AreTheOrderOfTheClaimsToCome) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned below) { return random() % below; };
    TestRuns t;
    const Names users = {"a", "b", "c", "d"};
    const auto create = [&] {
      t.clock.Advance(Millis(pick(3)));
      t.Create(users[pick(4)]);
    };
    std::vector<RunId> running;
    for (int i = 0; i < 20; ++i) {
      create();
      if (pick(2) == 0) continue;
      running.push_back(t.Claim()->run.id);
      if (pick(2) == 0) continue;
      std::swap(running[pick(static_cast<unsigned>(running.size()))], running.back());
      End(t, running.back());
      running.pop_back();
    }
    for (int i = 0; i < 6; ++i) create();
    std::map<RunId, std::int64_t> places;
    const auto runs = t.store.reader().runs.ListRuns({}).value();
    for (const auto& run : runs) {
      if (const auto place = PlaceOf(t, run)) places[run.id] = *place;
    }
    EXPECT_FALSE(places.empty());
    std::int64_t turn = 0;
    while (const auto claimed = t.Claim())
      EXPECT_EQ(places.at(claimed->run.id), ++turn) << "seed " << seed;
    EXPECT_EQ(turn, static_cast<std::int64_t>(places.size()));
  }
}

}  // namespace
}  // namespace vm0::run
