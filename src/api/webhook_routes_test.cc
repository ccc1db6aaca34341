// SPDX-License-Identifier: Apache-2.0
#include "api/completion.h"
#include "api/liveness.h"
#include "api/test_stack.h"
#include "base/run_error.h"
#include "event/record.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

const std::string kHook = "/api/webhooks/agent/";

std::int64_t ErrorNumber(const Reply& reply) {
  const json::object body = reply.object();
  const json::value* number = Member(*ObjectMember(body, "error"), "number");
  return number == nullptr ? -1 : number->as_int64();
}

std::string RowsOf(Stack& stack, const std::string& id) {
  return stack.Get("/api/agent/runs/" + id + "/events", stack.alice).body;
}

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

TEST(ProtocolRow, HeartbeatAlive_SaysWhatIsStoredAndWhetherToCancel) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  EXPECT_EQ(stack.Post(kHook + "heartbeat", R"({"v":1,"lastSequence":9})", run.token).body,
            R"({"ok":true,"lastSequence":3,"cancel":false})");
  stack.Post("/api/agent/runs/" + run.id + "/cancel", "", stack.alice);
  EXPECT_EQ(stack.Post(kHook + "heartbeat", "{}", run.token).body,
            R"({"ok":true,"lastSequence":3,"cancel":true})");
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"lastSequence":-1})", run.token),
              IsError(400, "BAD_REQUEST"));
}

TEST(Activity, TellsWhenASupervisorWasLastHeardOf) {
  Stack stack;
  const auto activity = [&](const std::string& id) {
    const auto run = stack.Get("/api/agent/runs/" + id, stack.alice).object();
    const json::object* found = ObjectMember(run, "activity");
    return found == nullptr ? "-" : ToJson(json::value(*found));
  };
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(activity(stack.CreateRun()), "-") << "it waits in the queue";
  EXPECT_EQ(activity(run.id), R"({"supervisor":"alive","lastHeardAt":"2025-11-20T08:00:00.000Z"})");
  stack.PostRecords(Stack::Records(1, 2), run.token);
  stack.Advance(Seconds(60));
  EXPECT_THAT(activity(run.id), HasSubstr(R"("supervisor":"alive")"));
  stack.Advance(Seconds(1));
  EXPECT_THAT(activity(run.id), HasSubstr(R"("supervisor":"unheard")"));
  EXPECT_THAT(activity(run.id), HasSubstr(R"("lastEventAt":)"));
  stack.Post(kHook + "heartbeat", R"({"waitsForDisk":42})", run.token);
  EXPECT_THAT(activity(run.id),
              HasSubstr(R"({"supervisor":"alive","lastHeardAt":"2025-11-20T08:01:01.000Z",)"
                        R"("waitsForDiskSeconds":42)"));
  stack.Post(kHook + "heartbeat", "{}", run.token);
  EXPECT_THAT(activity(run.id), Not(HasSubstr("waitsForDisk")));
  EXPECT_THAT(stack.Post(kHook + "heartbeat", R"({"waitsForDisk":"x"})", run.token),
              IsError(400, "BAD_REQUEST"));
  EXPECT_THAT(stack.Get("/api/agent/runs", stack.alice).body, HasSubstr(R"("activity":{)"));
  stack.Complete(run, 2);
  EXPECT_EQ(activity(run.id), "-");
}

TEST(Activity, OfAnExternalRunIsItsLastEventAlone) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  stack.Post("/api/webhooks/agent-events", R"({"runId":")" + id + R"(","events":[{}]})",
             stack.alice);
  EXPECT_THAT(stack.Get("/api/agent/runs/" + id, stack.alice).body,
              HasSubstr(R"("activity":{"lastEventAt":"2025-11-20T08:00:00.000Z"})"));
}

TEST(Liveness, OfANewServerIsUnknownForAMinute) {
  os::FakeClock clock;
  const Liveness liveness(clock);
  store::Run run;
  run.status = store::RunStatus::kRunning;
  run.started = true;
  EXPECT_EQ(liveness.Describe(run, std::nullopt), R"({"supervisor":"unknown"})");
  clock.Advance(kUnheardAfter + Seconds(1));
  EXPECT_EQ(liveness.Describe(run, std::nullopt), R"({"supervisor":"unheard"})");
}

TEST(ProtocolRow, HeartbeatEnded_IsGone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  const Stack::ClaimedRun newer = stack.ClaimAgain(run);
  EXPECT_THAT(stack.Post(kHook + "heartbeat", "{}", run.token), IsError(410, "SUPERSEDED"));
  stack.Post(kHook + "start", "{}", newer.token);
  ASSERT_EQ(stack.Complete(newer, 0).status, 200);
  EXPECT_THAT(stack.Post(kHook + "heartbeat", "{}", newer.token), IsError(410, "RUN_ENDED"));
}

TEST(ProtocolRow, CompleteAll_EndsTheRunAndErasesItsSecrets) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 2), run.token);
  EXPECT_EQ(stack.Complete(run, 2).body, R"({"ok":true,"status":"completed"})");
  const auto row = stack.database->reader().runs.FindRun(*RunId::Parse(run.id));
  EXPECT_EQ((*row)->secrets, "");
}

TEST(ProtocolRow, CompleteMissing_NamesTheNumberExpected) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 2), run.token);
  const Reply reply = stack.Complete(run, 5);
  EXPECT_THAT(reply, IsError(409, "SEQUENCE_GAP"));
  EXPECT_EQ(ErrorNumber(reply), 3);
}

TEST(ProtocolRow, CompleteBeyond_NamesTheNumberAfterTheStored) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 2), run.token);
  for (const std::int64_t last : {0, 1}) {
    const Reply reply = stack.Complete(run, last);
    EXPECT_THAT(reply, IsError(409, "SEQUENCE_GAP")) << last;
    EXPECT_EQ(ErrorNumber(reply), 3) << last;
  }
}

TEST(ProtocolRow, CompleteRepeated_IsAcknowledgedAgain) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const Reply first = stack.Complete(run, 0);
  ASSERT_EQ(first.status, 200);
  EXPECT_EQ(stack.Complete(run, 0).body, first.body);
}

TEST(ProtocolRow, CompleteDifferent_LeavesTheFirst) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  EXPECT_THAT(stack.Post(kHook + "complete",
                         R"({"v":1,"lastSequence":0,"status":"failed","reason":"x"})", run.token),
              IsError(409, "CONFLICT"));
  EXPECT_EQ(stack.Get("/api/agent/runs/" + run.id, stack.alice).text("status"), "completed");
}

TEST(ProtocolRow, CompleteSuperseded_IsGone) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  stack.ClaimAgain(run);
  EXPECT_THAT(stack.Complete(run, 0), IsError(410, "SUPERSEDED"));
}

TEST(ProtocolRow, CompleteUnstarted_MayFail) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  const Reply reply = stack.Post(
      kHook + "complete",
      R"({"v":1,"lastSequence":0,"status":"failed","reason":"no such file","executionTimeMs":0})",
      run.token);
  EXPECT_EQ(reply.body, R"({"ok":true,"status":"failed"})");
  EXPECT_EQ(stack.Get("/api/agent/runs/" + run.id, stack.alice).text("error"), "no such file");
}

TEST(Complete, KeepsWhatTheRunUsedAndItsErrorCode) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const Reply reply = stack.Post(
      kHook + "complete",
      R"({"v":1,"lastSequence":0,"status":"failed","reason":"no box",)"
      R"("errorCode":"SANDBOX_UNAVAILABLE","usage":{"memoryPeakBytes":5,"cpuMs":7,"oomKills":1,)"
      R"("fromTheFuture":{},"unenforced":["memory","pids"]}})",
      run.token);
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Reply shown = stack.Get("/api/agent/runs/" + run.id, stack.alice);
  EXPECT_EQ(shown.text("errorCode"), "SANDBOX_UNAVAILABLE");
  EXPECT_THAT(shown.body, HasSubstr(R"("usage":{"memoryPeakBytes":5,"cpuMs":7,"oomKills":1},)"));
  const Reply page = stack.Get("/api/agent/runs/" + run.id + "/events", stack.alice);
  EXPECT_THAT(page.body, HasSubstr(R"("error":"no box","errorCode":"SANDBOX_UNAVAILABLE"})"));
}

TEST(Complete, NamesTheFieldThatIsWrong) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string long_output(kMaxOutputBytes + 1, 'x');
  const struct {
    std::string body;
    const char* message;
  } cases[] = {
      {"nonsense", "Request body is not valid JSON"},
      {"{}", "Missing lastSequence"},
      {R"({"lastSequence":"0"})", "lastSequence must be"},
      {R"({"lastSequence":-1})", "lastSequence must be"},
      {R"({"lastSequence":0})", "Missing status"},
      {R"({"lastSequence":0,"status":"running"})", "status must be completed"},
      {R"({"lastSequence":0,"status":"failed","exitCode":"1"})", "exitCode must be"},
      {R"({"lastSequence":0,"status":"failed","signal":0})", "signal must be"},
      {R"({"lastSequence":0,"status":"failed","reason":1})", "reason must be"},
      {R"({"lastSequence":0,"status":"failed","output":")" + long_output + "\"}",
       "output must be at most 262144 bytes"},
      {R"({"lastSequence":0,"status":"failed","outputComplete":"yes"})", "outputComplete must be"},
      {R"({"lastSequence":0,"status":"failed","executionTimeMs":-5})", "executionTimeMs must be"},
      {R"({"lastSequence":0,"status":"failed","hash":"abc"})", "hash must be"},
      {R"({"lastSequence":0,"status":"failed","errorCode":"no code"})", "errorCode must be"},
      {R"({"lastSequence":0,"status":"failed","usage":[]})", "usage must be"},
      {R"({"lastSequence":0,"status":"failed","usage":{"cpuMs":-1}})", "cpuMs must be"},
      {R"({"lastSequence":0,"status":"failed","usage":{"unenforced":[1]}})",
       "usage.unenforced must be"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Post(kHook + "complete", each.body, run.token);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.message;
    EXPECT_THAT(reply.message(), HasSubstr(each.message));
  }
}

TEST(ProtocolRow, CompleteOutsider_EndsByItsExitCode) {
  Stack stack;
  const auto complete = [&](const std::string& id, const std::string& rest) {
    return stack.Post(kHook + "complete", R"({"runId":")" + id + "\"" + rest + "}", stack.alice);
  };
  const std::string good = stack.CreateExternalRun();
  stack.Post("/api/webhooks/agent-events", R"({"runId":")" + good + R"(","events":[{}]})",
             stack.alice);
  EXPECT_EQ(complete(good, R"(,"exitCode":0)").body, R"({"success":true,"status":"completed"})");
  EXPECT_THAT(stack.Post("/api/webhooks/agent-events",
                         R"({"runId":")" + good + R"(","events":[{"late":1}]})", stack.alice),
              IsError(410, "RUN_ENDED"));

  const std::string bad = stack.CreateExternalRun();
  EXPECT_THAT(complete(bad, "").message(), HasSubstr("Missing exitCode"));
  EXPECT_EQ(complete(bad, R"(,"exitCode":3)").body, R"({"success":true,"status":"failed"})");
  EXPECT_EQ(stack.Get("/api/agent/runs/" + bad, stack.alice).text("error"),
            Describe(RunError::kAgentExited, "3"));

  const Stack::ClaimedRun ours = stack.ClaimAndStart();
  EXPECT_THAT(complete(ours.id, R"(,"exitCode":0)"), IsError(409, "RUN_SUPERVISED"));
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
