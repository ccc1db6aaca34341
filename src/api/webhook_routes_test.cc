// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

TEST(ProtocolRow, StartAllowed_GivesTheSecrets) {
  Stack stack;
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.alice);
  stack.Post("/api/agent/runs",
             R"({"agent":"tester","prompt":"p","sandbox":"none","secrets":{"S":"a\"\u0001b"},)"
             R"("env":{"MY_KEY":"k"}})",
             stack.alice);
  const Reply claim = stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
  // They travel in no other answer.
  EXPECT_EQ(claim.body.find("\"k\""), std::string::npos);
  const Reply start = stack.Post(kHook + "start", R"({"v":1})", claim.text("token"));
  EXPECT_EQ(start.status, 200);
  EXPECT_EQ(start.body, R"({"ok":true,"secrets":{"MY_KEY":"k","S":"a\"\u0001b"}})");
}

TEST(ProtocolRow, StartRepeated_AnswersTheSameAgain) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(stack.Post(kHook + "start", R"({"v":1})", run.token).body,
            R"({"ok":true,"secrets":{}})");
}

TEST(ProtocolRow, StartSuperseded_IsGone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  const Stack::ClaimedRun newer = stack.ClaimAgain(run);
  EXPECT_THAT(stack.Post(kHook + "start", R"({"v":1})", run.token), IsError(410, "SUPERSEDED"));
  EXPECT_EQ(stack.Post(kHook + "start", R"({"v":1})", newer.token).status, 200);
}

TEST(ProtocolRow, StartEnded_IsGone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  EXPECT_THAT(stack.Post(kHook + "start", R"({"v":1})", run.token), IsError(410, "RUN_ENDED"));
}

TEST(ProtocolRow, EventsNext_AreStored) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(stack.PostRecords(Stack::Records(1, 3), run.token).body, R"({"lastSequence":3})");
  EXPECT_EQ(stack.PostRecords(Stack::Records(4, 4), run.token).body, R"({"lastSequence":4})");
}

TEST(ProtocolRow, EventsRepeated_AreAcknowledgedAgain) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  const std::string before = RowsOf(stack, run.id);
  EXPECT_EQ(stack.PostRecords(Stack::Records(1, 2), run.token).body, R"({"lastSequence":3})");
  EXPECT_EQ(RowsOf(stack, run.id), before);
}

TEST(ProtocolRow, EventsOverlap_StoreWhatIsNew) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  EXPECT_EQ(stack.PostRecords(Stack::Records(2, 5), run.token).body, R"({"lastSequence":5})");
}

TEST(ProtocolRow, EventsMismatch_IsAConflict) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  const std::string other = "2 1763625600000002 agent {\"type\":\"other\"}\n";
  EXPECT_THAT(stack.PostRecords(other, run.token), IsError(409, "EVENT_MISMATCH"));
}

TEST(ProtocolRow, EventsGap_NamesTheNumberExpected) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  const Reply reply = stack.PostRecords(Stack::Records(5, 6), run.token);
  EXPECT_THAT(reply, IsError(409, "SEQUENCE_GAP"));
  EXPECT_EQ(ErrorNumber(reply), 4);
}

TEST(ProtocolRow, EventsSuperseded_AreRefused) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  stack.ClaimAgain(run);
  EXPECT_THAT(stack.PostRecords(Stack::Records(1, 1), run.token), IsError(410, "SUPERSEDED"));
}

TEST(ProtocolRow, EventsUnstarted_AreAConflict) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  EXPECT_THAT(stack.PostRecords(Stack::Records(1, 1), run.token), IsError(409, "CONFLICT"));
}

TEST(ProtocolRow, EventsAfterEndRepeated_AreAcknowledgedAgain) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  ASSERT_EQ(stack.Complete(run, 3).status, 200);
  EXPECT_EQ(stack.PostRecords(Stack::Records(2, 3), run.token).body, R"({"lastSequence":3})");
}

TEST(ProtocolRow, EventsAfterEndNew_AreGone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  ASSERT_EQ(stack.Complete(run, 3).status, 200);
  const std::string before = RowsOf(stack, run.id);
  EXPECT_THAT(stack.PostRecords(Stack::Records(3, 4), run.token), IsError(410, "RUN_ENDED"));
  EXPECT_EQ(RowsOf(stack, run.id), before);
}

TEST(ProtocolRow, EventsMalformed_NamesTheRecordInAnyState) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string good = Stack::Records(1, 2);
  const struct {
    std::string body;
    const char* message;
  } cases[] = {
      {"nonsense\n", "record 1"},
      {good + "3 1 agent {\"torn\":", "record 3"},
      {good + "3 1 agent [1]\n", "record 3"},
      {good + "4 1 agent {}\n", "record 3"},
      {good + "3 1 martian {}\n", "record 3"},
      {"01 1 agent {}\n", "record 1"},
      {"1 1 agent {\"a\":\"\xff\"}\n", "record 1"},
      {"{\"events\":[{}]}\n", "record 1"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.PostRecords(each.body, run.token);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.body;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.body;
  }
  EXPECT_EQ(stack.PostRecords("", run.token).status, 400);
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  EXPECT_THAT(stack.PostRecords("nonsense\n", run.token), IsError(400, "BAD_REQUEST"));
}

TEST(ProtocolRow, EventsTooLarge_Is413) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string huge = "1 1 agent {\"x\":\"" + std::string(32 << 20, 'x') + "\"}\n";
  EXPECT_THAT(stack.PostRecords(huge, run.token), IsError(413, "PAYLOAD_TOO_LARGE"));
}

TEST(ProtocolRow, BatchLimits_AThousandRecordsAtOnce) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(stack.PostRecords(Stack::Records(1, 1000), run.token).status, 200);
  EXPECT_THAT(stack.PostRecords(Stack::Records(1001, 2001), run.token),
              IsError(413, "PAYLOAD_TOO_LARGE"));
}

TEST(ProtocolRow, UnknownVersion_IsNamedAndLeftAlone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const Reply records = stack.Send("POST", kHook + "events", Stack::Records(1, 1), run.token,
                                   {{"Content-Type", "application/x-vm0-events; v=2"}});
  EXPECT_THAT(records, IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(records.message(), HasSubstr("v=2"));
  for (const char* version : {"2", "0", "\"1\"", "null", "1.5"}) {
    const std::string body =
        "{\"v\":" + std::string(version) + R"(,"lastSequence":0,"status":"completed"})";
    for (const char* route : {"start", "heartbeat", "complete"}) {
      const Reply reply = stack.Post(kHook + route, body, run.token);
      EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << route << body;
      EXPECT_THAT(reply.message(), HasSubstr("version \"v\":" + std::string(version)));
    }
  }
  EXPECT_THAT(stack.Post("/api/runner/claim", R"({"v":2,"machine":"m"})", stack.admin),
              IsError(400, "BAD_REQUEST"));
  EXPECT_EQ(stack.Get("/api/agent/runs/" + run.id, stack.alice).text("status"), "running");
}

}  // namespace
}  // namespace vm0::api
