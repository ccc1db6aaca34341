// SPDX-License-Identifier: Apache-2.0
#include "api/completion.h"
#include "api/test_stack.h"
#include "base/run_error.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace vm0::api
