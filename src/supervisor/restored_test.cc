// SPDX-License-Identifier: Apache-2.0
// The rows Restored… and DataDirDeleted of docs/protocol.md 5, as a supervisor meets them.
#include "supervisor/supervision_fixture.h"

namespace vm0::supervisor {
namespace {

struct ProtocolRowRestored : SupervisionTest {};

TEST_F(ProtocolRowRestored, RestoredPending_TheTokenIsReadAnew) {
  api.intercept = [this](const std::string& request) -> std::optional<http::Response> {
    const bool is_new = api.token == "Bearer vm0_run_the-new-token";
    if (is_new || !request.starts_with("events")) return std::nullopt;
    EXPECT_TRUE(os::WriteFileAtomic(dir.token(), "vm0_run_the-new-token"));
    return TestApi::Refusal(401, "UNAUTHORIZED", 0);
  };
  Agent("echo one; sleep 1000");
  Start();
  AdvanceUntil([this] { return api.records.size() == 1; }, Millis(50));
  EXPECT_TRUE(HasLogged("refused by the test"));
  supervision->Cancel();
  AdvanceUntil([this] { return ended.has_value(); });
}

TEST_F(ProtocolRowRestored, RestoredUnknownRun_WithoutATokenTheTreeIsKilledAndTheSpoolKept) {
  Agent("echo one; sleep 1000");
  Start();
  AwaitEvents(1);
  ASSERT_TRUE(std::filesystem::remove(dir.token()));
  api.intercept = [](const auto&) { return TestApi::Refusal(401, "UNAUTHORIZED", 0); };
  AdvanceUntil([this] { return ended.has_value(); });
  EXPECT_EQ(ended, Supervision::End::kDisowned);
  EXPECT_EQ(Leftovers(), 0);
  EXPECT_TRUE(std::filesystem::exists(dir.spool()));
}

TEST_F(ProtocolRowRestored, RestoredUnstarted_StartIsSaidAgain) {
  bool is_started = true;
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request == "start") is_started = true;
    if (request == "events 2-2" && is_started && api.Count("start") == 1) is_started = false;
    if (is_started) return std::nullopt;
    return TestApi::Refusal(409, "CONFLICT", 0);
  };
  Agent("echo one; sleep 0.2; echo two");
  Start();
  PumpUntil([this] { return api.Count("start") == 2; });
  Advance(Seconds(1));  // before the next try
  AwaitEnd();
  EXPECT_EQ(api.Count("start"), 2u);
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(api.records.size(), 2u);
}

TEST_F(ProtocolRowRestored, RestoredFewerEvents_AHeartbeatTellsIt) {
  Agent("echo one; echo two; echo three; sleep 1000");
  Start();
  AwaitEvents(3);
  Settle();
  api.records.resize(1);
  AdvanceUntil([this] { return api.records.size() == 3; });
  EXPECT_TRUE(HasLogged("the server has 1 events"));
  supervision->Cancel();
  AdvanceUntil([this] { return ended.has_value(); });
}

TEST_F(ProtocolRowRestored, RestoredFewerEvents_IsToldOnce) {
  Agent("echo one; echo two; echo three; sleep 1000");
  Start();
  AwaitEvents(3);
  Settle();
  api.records.resize(1);
  api.intercept = [](const std::string& request) -> std::optional<http::Response> {
    if (!request.starts_with("events")) return std::nullopt;
    return TestApi::Refusal(503, "UNAVAILABLE", 0);
  };
  AdvanceUntil([this] { return HasLogged("the server has 1 events"); });
  const auto before = api.Count("heartbeat");
  AdvanceUntil([&] { return api.Count("heartbeat") == before + 3; });
  const std::string logged = *os::ReadAll(log_file.get());
  EXPECT_EQ(logged.find("the server has 1 events"), logged.rfind("the server has 1 events"));
  api.intercept = nullptr;
  AdvanceUntil([this] { return api.records.size() == 3; });
  supervision->Cancel();
  AdvanceUntil([this] { return ended.has_value(); });
}

TEST_F(ProtocolRowRestored, RestoredPending_ThatItsAgentWasStartedIsNotedForEver) {
  run.attempt = 3;
  EXPECT_EQ(dir.ReadStarted(), std::nullopt);
  RunAgent("true");
  EXPECT_TRUE(IsForgotten());
  EXPECT_EQ(dir.ReadStarted(), 3);
}

TEST_F(ProtocolRowRestored, RestoredPending_NothingIsNotedOfAnAgentThatWasNotStarted) {
  api.intercept = [](const auto&) { return TestApi::Refusal(410, "SUPERSEDED", 0); };
  RunAgent("true");
  EXPECT_EQ(dir.ReadStarted(), std::nullopt);
}

}  // namespace
}  // namespace vm0::supervisor
