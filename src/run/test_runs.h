// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "feed/feed.h"
#include "run/runs.h"
#include "store/test_store.h"

// For the tests of run: the runs of one server, with the feed that supervisors and outsiders write
// to.
namespace vm0::run {

using store::Await;
using store::BodyOf;
using store::JsonOf;
using store::RunStatus;
using store::TimeOf;

// What an observer of runs was told, in words.
struct Told final : Observer {
  void OnCreated() override { words.emplace_back("created"); }
  void OnClaimed(Micros waited) override {
    words.push_back("claimed after " + std::to_string(waited.count() / 1000) + " ms");
  }
  void OnEnded(RunStatus status) override { words.emplace_back(store::NameOf(status)); }
  std::vector<std::string> words;
};

class TestRuns {
 public:
  explicit TestRuns(QueueLimits queue_limits = {}) : limits(queue_limits) { Start(); }
  void Start() {
    feed = std::make_unique<feed::Feed>(*store.database, clock);
    runs = std::make_unique<Runs>(
        *store.database, clock, *box,
        [this](RunId id) {
          ++changes;
          feed->Wake(id);
        },
        limits, &told);
    Pass(Micros(0));
  }
  void Restart() {
    runs.reset();
    feed.reset();
    store.Reopen();
    Start();
  }

  NewRun Request(const std::string& user = "user") {
    NewRun request;
    request.user_id = user;
    request.agent_name = request.provider = request.dialect = "claude-code";
    request.prompt = "say hello";
    request.spec = "{}";
    request.secrets = {{"KEY", "hunter2-in-clear"}};
    return request;
  }
  Result<Runs::Created> TryCreate(NewRun request) {
    return Await(store.loop, runs->Create(request));
  }
  // Each a little later than the one before.
  store::Run Create(const std::string& user = "user") {
    clock.Advance(Millis(1));
    return TryCreate(Request(user)).value().run;
  }
  store::Run CreateExternal() {
    NewRun request = Request();
    request.external = true;
    return TryCreate(request).value().run;
  }
  // Without waiting.
  std::optional<Claimed> Claim(const std::string& machine = "m") {
    return Await(store.loop, runs->Claim(machine, clock.Now(), std::make_shared<bool>(false)))
        .value();
  }
  Result<store::Run> GiveBack(RunId id, int attempt = 1, const std::string& machine = "m") {
    const Release release{machine, id, attempt, "exit code " + std::to_string(attempt)};
    return Await(store.loop, runs->GiveBack(release));
  }
  // Gives back what was claimed, and claims it again when it may be.
  Claimed ClaimAgain(RunId id) {
    EXPECT_TRUE(GiveBack(id, Row(id).attempt));
    Pass(kLongestPause);
    auto claimed = Claim().value();
    EXPECT_EQ(claimed.run.id, id);
    return claimed;
  }
  void Pass(Micros time) {
    clock.Advance(time);
    store.loop.restart();
    store.loop.poll();
  }
  Result<store::Secrets> StartAttempt(RunId id, int attempt = 1) {
    return Await(store.loop, runs->Start(id, attempt));
  }
  // A run that has been claimed (attempt 1), and one that has also started.
  store::Run Claimed1() {
    Create();
    return Claim().value().run;
  }
  store::Run Started() {
    const auto run = Claimed1();
    EXPECT_TRUE(StartAttempt(run.id));
    return Row(run.id);
  }
  Result<std::int64_t> Append(RunId id, const std::string& body, int attempt = 1) {
    return Await(store.loop, feed->Append(id, body, [id, attempt](store::Stores& stores) {
      return Runs::OpenForSupervisor(stores, id, attempt);
    }));
  }
  Result<feed::Feed::Received> AppendRaw(RunId id, std::vector<std::string> events,
                                         std::optional<std::int64_t> first = std::nullopt) {
    const WallTime now = clock.WallNow();
    return Await(store.loop, feed->AppendRaw(id, events, first, [id, now](store::Stores& stores) {
      return Runs::OpenForOutsider(stores, id, now);
    }));
  }
  Result<store::Run> Complete(RunId id, const Completion& completion,
                              std::optional<int> attempt = 1) {
    return Await(store.loop, runs->Complete(id, attempt, completion));
  }
  store::Run Cancel(RunId id) { return Await(store.loop, runs->Cancel(id)).value(); }

  store::Run Row(RunId id) { return store.reader().runs.FindRun(id).value().value(); }
  std::optional<store::RunEnd> End(RunId id) { return store.reader().events.FindEnd(id).value(); }
  std::int64_t Last(RunId id) { return store.reader().events.LastSequence(id).value(); }

  QueueLimits limits;
  os::FakeClock clock;
  store::TestStore store;
  std::unique_ptr<store::SecretBox> box =
      std::make_unique<store::SecretBox>(*store::SecretBox::Open(store.dir / "secret.key"));
  Told told;
  std::unique_ptr<feed::Feed> feed;
  std::unique_ptr<Runs> runs;
  int changes = 0;
};

inline Completion CompletionOf(RunStatus status, std::int64_t last) {
  Completion completion;
  completion.status = status;
  completion.last_sequence = last;
  completion.exit_code = status == RunStatus::kCompleted ? 0 : 1;
  if (status != RunStatus::kCompleted) completion.reason = "exit code 1";
  completion.output = "done \"well\"";
  completion.execution_time_ms = 1234;
  return completion;
}

}  // namespace vm0::run
