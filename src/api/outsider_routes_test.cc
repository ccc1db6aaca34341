// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

TEST(ProtocolRow, EventsOutsider_OnBothPathsAndInBothForms) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  const std::string body =
      R"({"runId":")" + id + R"(","events":[{"type":"a"},{"type":"b","x":1.0}]})";
  EXPECT_EQ(stack.Post("/api/webhooks/agent-events", body, stack.alice).body,
            R"({"received":2,"firstSequence":1,"lastSequence":2})");
  EXPECT_EQ(stack.Post(kHook + "events", body, stack.alice).body,
            R"({"received":2,"firstSequence":3,"lastSequence":4})");
  EXPECT_EQ(stack
                .Send("POST", kHook + "events?runId=" + id + "&firstSequence=5",
                      "{\"type\":\"c\"}\r\n\n{\"no\":\"type\"}", stack.alice,
                      {{"Content-Type", "application/x-ndjson"}})
                .body,
            R"({"received":2,"firstSequence":5,"lastSequence":6})");
  const std::string page = RowsOf(stack, id);
  EXPECT_THAT(page, HasSubstr(R"("eventData":{"type":"b","x":1.0},"createdAt":)"
                              R"("2025-11-20T08:00:00.000Z","source":"agent")"));
  EXPECT_THAT(page, HasSubstr(R"("run":{"status":"running"})"));
  EXPECT_THAT(page, HasSubstr(R"("sequenceNumber":6,"eventType":"unknown")"));
}

TEST(ProtocolRow, EventsOutsiderRepeated_StoresOnlyWhatIsNew) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  const auto post = [&](const std::string& events, int first) {
    return stack.Post("/api/webhooks/agent-events",
                      R"({"runId":")" + id + R"(","firstSequence":)" + std::to_string(first) +
                          ",\"events\":" + events + "}",
                      stack.alice);
  };
  ASSERT_EQ(post(R"([{"n":1},{"n":2}])", 1).status, 200);
  EXPECT_EQ(post(R"([{"n":2},{"n":3}])", 2).body,
            R"({"received":2,"firstSequence":2,"lastSequence":3})");
  EXPECT_THAT(post(R"([{"n":9}])", 2), IsError(409, "EVENT_MISMATCH"));
  const Reply gap = post(R"([{"n":9}])", 5);
  EXPECT_THAT(gap, IsError(409, "SEQUENCE_GAP"));
  EXPECT_EQ(ErrorNumber(gap), 4);
}

TEST(ProtocolRow, EventsOutsiderSupervised_IsRefused) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string body = R"({"runId":")" + run.id + R"(","events":[{"type":"a"}]})";
  for (const std::string& token : {stack.alice, run.token}) {
    EXPECT_THAT(stack.Post("/api/webhooks/agent-events", body, token),
                IsError(409, "RUN_SUPERVISED"));
  }
  EXPECT_THAT(stack.Send("POST", kHook + "events", Stack::Records(1, 1), stack.alice,
                         {{"Content-Type", "application/x-vm0-events; v=1"}}),
              IsError(403, "FORBIDDEN"));
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"runId":")" + run.id + "\"}", stack.alice),
              IsError(409, "RUN_SUPERVISED"));
  EXPECT_THAT(RowsOf(stack, run.id), HasSubstr(R"("events":[])"));
}

TEST(OutsiderEvents, AreRefusedInTheReferencesOrder) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  const std::string nobody = "00000000-0000-0000-0000-000000000000";
  const struct {
    std::string body;
    int status;
    const char* message;
  } cases[] = {
      {"x", 400, "Request body is not valid JSON: "},
      {"{}", 400, "Missing runId"},
      {R"({"runId":""})", 400, "Missing runId"},
      {R"({"runId":")" + nobody + "\"}", 400, "Missing or invalid events array"},
      {R"({"runId":")" + nobody + R"(","events":{}})", 400, "Missing or invalid events array"},
      {R"({"runId":")" + nobody + R"(","events":[]})", 400, "Events array cannot be empty"},
      {R"({"runId":")" + id + R"(","events":[{},7]})", 400, "events[1] must be a JSON object"},
      {R"({"runId":"17","events":[{}]})", 400, "Invalid run id: 17"},
      {R"({"runId":")" + nobody + R"(","events":[{}]})", 404, "Agent run not found"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Post("/api/webhooks/agent-events", each.body, stack.alice);
    EXPECT_EQ(reply.status, each.status) << each.body;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.body;
  }
  EXPECT_EQ(stack
                .Post("/api/webhooks/agent-events", R"({"runId":")" + id + R"(","events":[{}]})",
                      stack.bob)
                .status,
            404);
  // What was refused was not stored in part.
  EXPECT_THAT(RowsOf(stack, id), HasSubstr(R"("events":[])"));
}

TEST(OutsiderRun, HasHeartbeatsButNoStart) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  const std::string body = R"({"runId":")" + id + "\"}";
  EXPECT_EQ(stack.Post(kHook + "heartbeat", body, stack.alice).body,
            R"({"ok":true,"lastSequence":0,"cancel":false})");
  EXPECT_THAT(stack.Post(kHook + "heartbeat", "{}", stack.alice), IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(stack.Post(kHook + "heartbeat", body, stack.bob), IsError(404, "NOT_FOUND"));
  EXPECT_THAT(stack.Post(kHook + "start", body, stack.alice), IsError(403, "FORBIDDEN"));
  EXPECT_EQ(stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin).status, 204);
}

}  // namespace
}  // namespace vm0::api
