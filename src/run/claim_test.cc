// SPDX-License-Identifier: Apache-2.0
// The rows Claim… and Start… of docs/protocol.md 5.
#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>

#include "run/test_runs.h"

namespace vm0::run {
namespace {

std::optional<store::Token> TokenOf(TestRuns& t, const Claimed& claimed) {
  return t.store.reader().runs.FindToken(store::HashToken(claimed.token)).value();
}

TEST(Create, MakesAPendingRunWithItsSecretsSealed) {
  TestRuns t;
  const auto run = t.Create();
  EXPECT_EQ(t.changes, 1);
  const auto row = t.Row(run.id);
  EXPECT_EQ(row.status, RunStatus::kPending);
  EXPECT_EQ(row.attempt, 0);
  EXPECT_EQ(row.created_at, t.clock.WallNow());
  EXPECT_EQ(row.secrets.find("hunter2"), std::string::npos);
  EXPECT_EQ(t.box->Unseal(row.secrets).value(), t.Request().secrets);
}

TEST(Create, TheSameKeyGivesTheSameRunAndAnotherBodyIsRefused) {
  TestRuns t;
  NewRun request = t.Request();
  request.idempotency_key = "key";
  request.request_hash = "a";
  const auto first = t.TryCreate(request).value();
  EXPECT_FALSE(first.repeated);
  t.clock.Advance(Seconds(5));
  const auto again = t.TryCreate(request).value();
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.run.id, first.run.id);
  EXPECT_EQ(t.changes, 1);
  request.request_hash = "b";
  EXPECT_EQ(t.TryCreate(request).error().code, Code::kIdempotencyMismatch);
  request.user_id = "other";
  EXPECT_FALSE(t.TryCreate(request)->repeated);
}

TEST(Create, TheSameKeyTwiceAtOnceGivesOneRun) {
  TestRuns t;
  NewRun request = t.Request();
  request.idempotency_key = "key";
  std::vector<RunId> ids;
  const auto note = [&](std::exception_ptr, Result<Runs::Created> created) {
    ids.push_back(created.value().run.id);
  };
  for (int i = 0; i < 3; ++i) asio::co_spawn(t.store.loop, t.runs->Create(request), note);
  t.store.loop.restart();
  t.store.loop.run();
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_TRUE(ids[0] == ids[1] && ids[1] == ids[2]);
}

TEST(ProtocolRow, ClaimPending_GivesTheOldestRunToOneMachineWithAToken) {
  TestRuns t;
  const auto first = t.Create();
  t.clock.Advance(Millis(5));
  const auto second = t.Create();
  t.changes = 0;
  const auto claimed = t.Claim("m").value();
  EXPECT_EQ(t.changes, 1);
  EXPECT_EQ(claimed.run.id, first.id);
  const auto row = t.Row(first.id);
  EXPECT_EQ(row.status, RunStatus::kRunning);
  EXPECT_EQ(row.attempt, 1);
  EXPECT_EQ(row.machine, "m");
  EXPECT_FALSE(row.started);
  const auto token = TokenOf(t, claimed).value();
  EXPECT_EQ(token.kind, store::Token::Kind::kRun);
  EXPECT_EQ(token.run_id, first.id);
  EXPECT_EQ(token.attempt, 1);
  EXPECT_EQ(token.user_id, "user");
  EXPECT_FALSE(token.host_scope);
  EXPECT_EQ(t.Claim("n").value().run.id, second.id);
}

// Claims, and says what it got.
asio::awaitable<void> ClaimOne(Runs& runs, MonoTime deadline, std::shared_ptr<bool> cancelled,
                               std::vector<std::optional<RunId>>& got) {
  auto claimed = co_await runs.Claim("m", deadline, cancelled);
  EXPECT_TRUE(claimed);
  got.push_back(*claimed ? std::optional((*claimed)->run.id) : std::nullopt);
}

struct ClaimWait : testing::Test {
  ~ClaimWait() override {
    *cancelled = true;
    t.runs->WakeClaims();
    Poll();
  }
  void Spawn() {
    const MonoTime deadline = t.clock.Now() + Seconds(60);
    asio::co_spawn(t.store.loop, ClaimOne(*t.runs, deadline, cancelled, got), asio::detached);
    Poll();
  }
  void Poll() {
    t.store.loop.restart();
    t.store.loop.poll();
  }
  // Until the claims have got `count` answers.
  void RunUntil(std::size_t count) {
    t.store.loop.restart();
    while (got.size() < count) t.store.loop.run_one();
  }

  TestRuns t;
  std::shared_ptr<bool> cancelled = std::make_shared<bool>(false);
  std::vector<std::optional<RunId>> got;
};

TEST(ProtocolRow, ClaimNothing_AnswersNoneAtItsDeadlineOrARunAsSoonAsThereIsOne) {
  TestRuns t;
  EXPECT_FALSE(t.Claim());  // no time to wait
  const auto cancelled = std::make_shared<bool>(false);
  std::vector<std::optional<RunId>> got;
  const auto spawn = [&] {
    const MonoTime deadline = t.clock.Now() + Seconds(60);
    asio::co_spawn(t.store.loop, ClaimOne(*t.runs, deadline, cancelled, got), asio::detached);
    t.store.loop.restart();
    t.store.loop.poll();
  };
  const auto commits = t.store.database->stats().works;
  spawn();
  t.clock.Advance(Seconds(60) - Micros(1));
  t.store.loop.poll();
  EXPECT_TRUE(got.empty());
  t.clock.Advance(Micros(1));
  t.store.loop.restart();
  t.store.loop.poll();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0], std::nullopt);
  EXPECT_EQ(t.store.database->stats().works, commits);  // waiting wrote nothing
  EXPECT_EQ(t.clock.pending(), 0u);
  spawn();
  const auto run = t.Create();
  t.store.loop.restart();
  t.store.loop.run();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[1], run.id);
}

TEST_F(ClaimWait, OneRunGoesToOneOfManyWhoWait) {
  for (int i = 0; i < 5; ++i) Spawn();
  EXPECT_EQ(t.clock.pending(), 5u);
  const auto first = t.Create();
  RunUntil(1);
  EXPECT_EQ(got[0], first.id);
  Poll();
  EXPECT_EQ(got.size(), 1u);
  EXPECT_EQ(t.Row(first.id).attempt, 1);
  t.Create();
  t.Create();
  RunUntil(3);
  EXPECT_TRUE(got[1] && got[2] && got[1] != got[2]);
}

TEST_F(ClaimWait, AnExternalRunIsClaimedByNobody) {
  Spawn();
  t.CreateExternal();
  Poll();
  EXPECT_TRUE(got.empty());
}

TEST_F(ClaimWait, EndsWhenItIsCancelledAndTakesNothing) {
  Spawn();
  *cancelled = true;
  t.runs->WakeClaims();
  Poll();
  EXPECT_EQ(got.size(), 1u);
  const auto run = t.Create();
  Spawn();  // cancelled before it began
  EXPECT_EQ(got.size(), 2u);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kPending);
}

TEST(ProtocolRow, StartAllowed_GivesTheSecretsAndMarksTheRunStarted) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.clock.Advance(Seconds(3));
  t.changes = 0;
  EXPECT_EQ(t.StartAttempt(run.id).value(), t.Request().secrets);
  EXPECT_EQ(t.changes, 1);
  const auto row = t.Row(run.id);
  EXPECT_TRUE(row.started);
  EXPECT_EQ(row.started_at, t.clock.WallNow());
  EXPECT_EQ(row.status, RunStatus::kRunning);
}

TEST(ProtocolRow, StartRepeated_AnswersTheSameAgain) {
  TestRuns t;
  const auto run = t.Started();
  t.clock.Advance(Seconds(3));
  t.Restart();
  EXPECT_EQ(t.StartAttempt(run.id).value(), t.Request().secrets);
  EXPECT_EQ(t.Row(run.id).started_at, run.started_at);
}

TEST(ProtocolRow, StartSuperseded_IsRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.ClaimAgain(run.id);
  EXPECT_EQ(t.StartAttempt(run.id, 1).error().code, Code::kSuperseded);
  EXPECT_FALSE(t.Row(run.id).started);
  EXPECT_TRUE(t.StartAttempt(run.id, 2));
  EXPECT_EQ(t.StartAttempt(run.id, 1).error().code, Code::kSuperseded);
}

TEST(ProtocolRow, StartEnded_IsRefused) {
  TestRuns t;
  const auto run = t.Claimed1();
  t.Cancel(run.id);
  EXPECT_EQ(t.StartAttempt(run.id).error().code, Code::kRunEnded);
  EXPECT_FALSE(t.Row(run.id).started);
}

TEST(Start, EndsARunWhoseSecretsCanNotBeRead) {
  TestRuns t;
  const auto run = t.Claimed1();
  ASSERT_TRUE(std::filesystem::remove(t.store.dir / "secret.key"));
  t.box = std::make_unique<store::SecretBox>(*store::SecretBox::Open(t.store.dir / "secret.key"));
  t.Restart();
  EXPECT_EQ(t.StartAttempt(run.id).error().code, Code::kRunEnded);
  EXPECT_EQ(t.Row(run.id).status, RunStatus::kFailed);
  EXPECT_NE(t.Row(run.id).error->find("secret.key"), std::string::npos);
}

}  // namespace
}  // namespace vm0::run
