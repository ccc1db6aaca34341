// SPDX-License-Identifier: Apache-2.0
#include "supervisor/shipper.h"

#include "supervisor/conclusion.h"
#include "supervisor/recorder.h"
#include "supervisor/test_world.h"

namespace vm0::supervisor {
namespace {

class ProtocolRowShipper : public TestWorld {
 protected:
  Shipper::Parts parts() { return {spool, client, clock, rules, log}; }
  void Add(int count, std::size_t size = 2) {
    const std::string json = "{\"a\":\"" + std::string(size, 'x') + "\"}";
    std::string records;
    for (int i = 0; i < count; ++i) recorder.Append(records, event::Source::kAgent, json);
    ASSERT_TRUE(spool.Append(records, recorder.last_sequence()));
    shipper.Notify();
  }
  void Follow() {
    asio::co_spawn(loop, shipper.Follow(),
                   [this](std::exception_ptr, Shipper::Outcome outcome) { followed = outcome; });
  }
  void ConcludeRun() {
    client::CompleteMessage message;
    message.status = "completed";
    message.last_sequence = recorder.last_sequence();
    message.hash = recorder.hash();
    asio::co_spawn(loop, Conclude(shipper, parts(), message),
                   [this](std::exception_ptr, Conclusion end) { concluded = end; });
  }
  std::int64_t EndNumber(const char* name) { return api.end->at(name).as_int64(); }

  Spool spool = std::move(*Spool::Create(dir.spool()));
  Recorder recorder{clock};
  http::Client http{loop, clock, *http::Endpoint::Parse("unix:" + socket())};
  client::RunClient client{http, "token"};
  AnswerRules rules{clock};
  Shipper shipper{loop.get_executor(), parts()};
  std::optional<Shipper::Outcome> followed;
  std::optional<Conclusion> concluded;
};

TEST_F(ProtocolRowShipper, EventsNext_AreSentAtOnceAndThenAllThatCameMeanwhile) {
  Follow();
  Add(1);
  Settle();
  EXPECT_EQ(api.records.size(), 1u);
  Add(2);
  Add(3);
  Settle();
  EXPECT_EQ(api.requests, (std::vector<std::string>{"events 1-1", "events 2-6"}));
  EXPECT_EQ(shipper.acknowledged(), 6);
}

TEST_F(ProtocolRowShipper, BatchLimits_MakeSeveralBatches) {
  Add(2500);
  Add(5, 2 << 20);
  Follow();
  PumpUntil([&] { return api.records.size() == 2505; });
  EXPECT_EQ(api.requests,
            (std::vector<std::string>{"events 1-1000", "events 1001-2000", "events 2001-2501",
                                      "events 2502-2502", "events 2503-2503", "events 2504-2504",
                                      "events 2505-2505"}));
}

TEST_F(ProtocolRowShipper, OneHugeRecord_IsABatchOfOne) {
  Add(1);
  Add(1, 12 << 20);
  Add(1);
  Follow();
  PumpUntil([&] { return api.records.size() == 3; });
  EXPECT_EQ(api.requests, (std::vector<std::string>{"events 1-1", "events 2-2", "events 3-3"}));
}

TEST_F(ProtocolRowShipper, EventsGap_AreSentAgainFromThere) {
  Add(10);
  Follow();
  PumpUntil([&] { return api.records.size() == 10; });
  api.records.resize(4);  // as after the server was restored from an older copy
  Add(1);
  PumpUntil([&] { return api.records.size() == 11; });
  EXPECT_EQ(api.requests, (std::vector<std::string>{"events 1-10", "events 11-11", "events 5-11"}));
}

TEST_F(ProtocolRowShipper, EventsOverlap_GoesOnAfterWhatIsStored) {
  Add(3);
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request != "events 1-3") return std::nullopt;
    return TestApi::Answer(200, {{"lastSequence", 2}});  // only a part of them
  };
  api.Put(spool.Read(spool.start_offset(), {.records = 2, .bytes = 1000})->records);
  Follow();
  PumpUntil([&] { return api.records.size() == 3; });
  EXPECT_EQ(api.requests, (std::vector<std::string>{"events 1-3", "events 3-3"}));
}

TEST_F(ProtocolRowShipper, EventsTooLarge_AreHalvedUntilTheyFit) {
  Add(100);
  api.intercept = [](const std::string& request) -> std::optional<http::Response> {
    if (request == "events 1-100" || request == "events 1-50") {
      return TestApi::Refusal(413, "PAYLOAD_TOO_LARGE", 0);
    }
    return std::nullopt;
  };
  Follow();
  PumpUntil([&] { return api.records.size() == 100; });
  EXPECT_EQ(api.requests[2], "events 1-25");
  EXPECT_LE(api.requests.size(), 8u) << "what fits is not made smaller";
}

TEST_F(ProtocolRowShipper, EventsTooLarge_OneRecordIsTriedAgainEachMinute) {
  Add(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(413, "PAYLOAD_TOO_LARGE", 0); };
  Follow();
  Settle();
  EXPECT_EQ(api.requests.size(), 1u);
  Advance(Seconds(59));
  EXPECT_EQ(api.requests.size(), 1u);
  Advance(Seconds(1));
  EXPECT_EQ(api.requests.size(), 2u);
}

TEST_F(ProtocolRowShipper, EventsMalformed_IsTriedAgainEachMinute) {
  Add(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(400, "BAD_REQUEST", 0); };
  Follow();
  Advance(Seconds(59));
  EXPECT_EQ(api.requests.size(), 1u);
  api.intercept = nullptr;
  Advance(Seconds(1));
  EXPECT_EQ(api.records.size(), 1u);
}

TEST_F(ProtocolRowShipper, EventsMismatch_EndsTheShipping) {
  Add(2);
  api.intercept = [](const std::string&) { return TestApi::Refusal(409, "EVENT_MISMATCH", 0); };
  Follow();
  PumpUntil([&] { return followed.has_value(); });
  EXPECT_EQ(followed, Shipper::Outcome::kRefused);
}

TEST_F(ProtocolRowShipper, EventsSuperseded_EndsTheShippingAndKeepsTheSpool) {
  for (const auto& [status, code] :
       std::map<int, std::string>{{410, "SUPERSEDED"}, {404, "NOT_FOUND"}}) {
    Add(1);
    followed.reset();
    api.intercept = [&](const std::string&) { return TestApi::Refusal(status, code, 0); };
    Follow();
    PumpUntil([&] { return followed.has_value(); });
    EXPECT_EQ(followed, Shipper::Outcome::kGaveUp);
    EXPECT_TRUE(std::filesystem::exists(dir.spool()));
  }
}

TEST_F(ProtocolRowShipper, EventsSuperseded_ByACodeOfANewerServer) {
  Add(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(410, "WHO_KNOWS", 0); };
  Follow();
  PumpUntil([&] { return followed.has_value(); });
  EXPECT_EQ(followed, Shipper::Outcome::kGaveUp);
}

TEST_F(ProtocolRowShipper, ServerKilledWhileRunning_IsTriedForEverWithBackoff) {
  api.Close();
  Add(1);
  Follow();
  int hours = 0;
  for (; hours < 24; ++hours) Advance(Seconds(3600));
  EXPECT_FALSE(followed);
  api.Listen();
  AdvanceUntil([&] { return api.records.size() == 1; }, Seconds(30));
}

TEST_F(ProtocolRowShipper, ServerKilledWhileRunning_IsFoundAgainWithinHalfAMinute) {
  Add(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(503, "UNAVAILABLE", 0); };
  Follow();
  AdvanceUntil([&] { return api.requests.size() == 10; }, Millis(10));
  const auto before = api.requests.size();
  Advance(Seconds(30));
  EXPECT_GT(api.requests.size(), before);
  Advance(Millis(1));
  EXPECT_LT(api.requests.size(), before + 4) << "it does not hurry";
}

TEST_F(ProtocolRowShipper, ServerKilledBeforeAck_SendsTheSameAgain) {
  Add(3);
  bool acknowledge = false;
  api.intercept = [&](const std::string&) -> std::optional<http::Response> {
    if (std::exchange(acknowledge, true)) return std::nullopt;
    api.Put(spool.Read(spool.start_offset(), {})->records);
    return TestApi::Refusal(500, "INTERNAL_SERVER_ERROR", 0);
  };
  Follow();
  AdvanceUntil([&] { return shipper.acknowledged() == 3; });
  EXPECT_EQ(api.records.size(), 3u);
  EXPECT_EQ(api.Count("events 1-3"), 2u);
}

TEST_F(ProtocolRowShipper, CompleteAll_TellsNumberAndHash) {
  Add(3);
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
  EXPECT_EQ(EndNumber("lastSequence"), 3);
  EXPECT_EQ(api.end->at("hash").as_string(), recorder.hash());
  EXPECT_TRUE(api.end->at("outputComplete").as_bool());
  EXPECT_EQ(api.requests, (std::vector<std::string>{"events 1-3", "complete"}));
}

TEST_F(ProtocolRowShipper, CompleteMissing_ShipsTheRest) {
  Add(5);
  Follow();
  PumpUntil([&] { return api.records.size() == 5; });
  shipper.Stop();
  PumpUntil([&] { return followed.has_value(); });
  api.records.resize(2);
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
  EXPECT_EQ(api.records.size(), 5u);
  EXPECT_EQ(EndNumber("lastSequence"), 5);
}

TEST_F(ProtocolRowShipper, CompleteBeyond_EndsWithWhatIsStored) {
  Add(2);
  Follow();
  PumpUntil([&] { return api.records.size() == 2; });
  shipper.Stop();
  api.records.push_back("3 1763625600000000 agent {}\n");
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
  EXPECT_EQ(EndNumber("lastSequence"), 3);
  EXPECT_FALSE(api.end->at("outputComplete").as_bool());
  EXPECT_FALSE(api.end->contains("hash"));
}

TEST_F(ProtocolRowShipper, EventsMismatch_EndsTheRunAsFailedWithWhatIsStored) {
  Add(2);
  api.records.push_back("1 1763625600000000 agent {\"other\":1}\n");
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
  EXPECT_EQ(api.end->at("status").as_string(), "failed");
  EXPECT_EQ(EndNumber("lastSequence"), 1);
  EXPECT_FALSE(api.end->at("outputComplete").as_bool());
}

TEST_F(ProtocolRowShipper, CompleteRepeated_IsAcknowledged) {
  Add(1);
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  concluded.reset();
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
}

TEST_F(ProtocolRowShipper, CompleteDifferent_LeavesTheFirst) {
  api.end = json::object{{"status", "failed"}};
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kDifferent);
  EXPECT_EQ(api.end->at("status").as_string(), "failed");
}

TEST_F(ProtocolRowShipper, CompleteSuperseded_GivesUp) {
  api.intercept = [](const std::string&) { return TestApi::Refusal(410, "SUPERSEDED", 0); };
  ConcludeRun();
  PumpUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kGaveUp);
}

TEST_F(ProtocolRowShipper, ServerAwayAtEnd_IsTriedForEver) {
  Add(2);
  api.Close();
  ConcludeRun();
  for (int hour = 0; hour < 24; ++hour) Advance(Seconds(3600));
  EXPECT_FALSE(concluded);
  api.Listen();
  AdvanceUntil([&] { return concluded.has_value(); }, Seconds(30));
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
}

TEST_F(ProtocolRowShipper, ServerKilledWhileCompleting_Repeats) {
  Add(1);
  int tries = 0;
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request != "complete" || ++tries > 3) return std::nullopt;
    return TestApi::Refusal(500, "INTERNAL_SERVER_ERROR", 0);
  };
  ConcludeRun();
  AdvanceUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
  EXPECT_EQ(api.Count("complete"), 4u);
}

TEST_F(ProtocolRowShipper, RestoredUnstarted_AStartThatIsNotAnsweredIsSaidAgainWithTheEvents) {
  int starts = 0;
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request != "start") {
      return starts < 3 ? std::optional(TestApi::Refusal(409, "CONFLICT", 0)) : std::nullopt;
    }
    ++starts;
    if (starts == 1) return TestApi::Refusal(503, "UNAVAILABLE", 0);
    if (starts == 2) return TestApi::Refusal(401, "UNAUTHORIZED", 0);
    return std::nullopt;
  };
  Add(1);
  Follow();
  AdvanceUntil([&] { return api.records.size() == 1 || followed.has_value(); });
  EXPECT_FALSE(followed);
  EXPECT_EQ(api.Count("start"), 3u);
  EXPECT_EQ(api.Count("events 1-1"), 4u);
}

TEST_F(ProtocolRowShipper, RestoredUnstarted_AStartThatIsRefusedEndsTheShipping) {
  api.intercept = [&](const std::string& request) {
    return request == "start" ? TestApi::Refusal(410, "SUPERSEDED", 0)
                              : TestApi::Refusal(409, "CONFLICT", 0);
  };
  Add(1);
  Follow();
  PumpUntil([&] { return followed.has_value(); });
  EXPECT_EQ(followed, Shipper::Outcome::kRefused);
}

TEST_F(ProtocolRowShipper, RestoredUnstarted_AStartThatIsNotAnsweredIsSaidAgainAtTheEnd) {
  int starts = 0;
  api.intercept = [&](const std::string& request) -> std::optional<http::Response> {
    if (request == "complete" && starts < 2) return TestApi::Refusal(409, "CONFLICT", 0);
    if (request == "start" && ++starts == 1) return TestApi::Refusal(503, "UNAVAILABLE", 0);
    return std::nullopt;
  };
  ConcludeRun();
  AdvanceUntil([&] { return concluded.has_value(); });
  EXPECT_EQ(concluded, Conclusion::kAcknowledged);
  EXPECT_EQ(api.Count("start"), 2u);
}

TEST_F(ProtocolRowShipper, EventsGap_AServerThatRepeatsItselfIsNotFlooded) {
  Add(1);
  api.intercept = [](const std::string&) { return TestApi::Refusal(409, "SEQUENCE_GAP", 1); };
  Follow();
  for (int i = 0; i < 1000; ++i) Advance(Seconds(1));
  EXPECT_LT(api.requests.size(), 100u);
}

}  // namespace
}  // namespace vm0::supervisor
