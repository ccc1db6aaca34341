// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kRuns = "/api/agent/runs";
constexpr const char* kNobody = "00000000-0000-0000-0000-000000000000";

std::vector<std::string> IdsOf(const Reply& reply) {
  std::vector<std::string> ids;
  const json::object body = reply.object();
  for (const json::value& run : *ArrayMember(body, "runs"))
    ids.emplace_back(*StringMember(run.as_object(), "id"));
  return ids;
}

TEST(Runs, AreCreatedPending) {
  Stack stack;
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.alice);
  const Reply reply = stack.Post(kRuns, std::string(kTesterRun), stack.alice);
  EXPECT_EQ(reply.status, 201);
  const std::string id = reply.text("runId");
  EXPECT_EQ(reply.body, R"({"runId":")" + id +
                            R"(","status":"pending","createdAt":"2025-11-20T08:00:00.000Z"})");
  EXPECT_EQ(reply.headers.Find("Location"), "/api/agent/runs/" + id);
}

TEST(Runs, TakeTheReferencesBody) {
  Stack stack;
  const Reply config =
      stack.Post("/api/agent/configs",
                 R"({"config":{"version":"1.0","agent":{"name":"abc","provider":"command",)"
                 R"("command":["x"],"sandbox":"none"}}})",
                 stack.alice);
  const Reply reply = stack.Post(kRuns,
                                 R"({"agentConfigId":")" + config.text("configId") +
                                     R"(","prompt":"p","dynamicVars":{"A":"1"}})",
                                 stack.alice);
  ASSERT_EQ(reply.status, 201) << reply.body;
  const Reply shown = stack.Get(kRuns + "/" + reply.text("runId"), stack.alice);
  EXPECT_EQ(shown.text("agentConfigId"), config.text("configId"));
  EXPECT_THAT(shown.body, HasSubstr(R"("dynamicVars":{"A":"1"})"));
}

TEST(Runs, CreationIsRefusedInTheReferencesOrder) {
  Stack stack;
  const struct {
    const char* body;
    int status;
    const char* message;
  } cases[] = {
      {"nonsense", 400, "Request body is not valid JSON: "},
      {"7", 400, "Request body must be a JSON object"},
      {"{}", 400, "Missing agentConfigId"},
      {R"({"agentConfigId":"x"})", 400, "Missing prompt"},
      {R"({"agentConfigId":"x","prompt":"p"})", 400, "Invalid agentConfigId: x"},
      {R"({"agentConfigId":"00000000-0000-0000-0000-000000000000","prompt":"p"})", 404,
       "Agent config not found"},
      {R"({"agent":"nobody","prompt":"p"})", 404, "Agent config not found: nobody"},
      {R"({"agent":"claude-code","prompt":"p","sandbox":"none"})", 400, "claude setup-token"},
      {R"({"agent":"claude-code","prompt":"p"})", 422, "sandbox bubblewrap is not available"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Post(kRuns, each.body, stack.alice);
    EXPECT_EQ(reply.status, each.status) << each.body;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.body;
  }
  EXPECT_THAT(stack.Post(kRuns, "{}", ""), IsError(401, "UNAUTHORIZED"));
  EXPECT_THAT(IdsOf(stack.Get(kRuns, stack.alice)), IsEmpty());
}

TEST(Runs, ABuiltInNameComesBeforeAConfig) {
  Stack stack;
  const Reply reply = stack.Post(kRuns,
                                 R"({"agent":"claude-code","prompt":"p","sandbox":"none",)"
                                 R"("secrets":{"ANTHROPIC_API_KEY":"sk"}})",
                                 stack.alice);
  ASSERT_EQ(reply.status, 201) << reply.body;
  const Reply shown = stack.Get(kRuns + "/" + reply.text("runId"), stack.alice);
  EXPECT_EQ(shown.text("agentName"), "claude-code");
  EXPECT_EQ(shown.text("dialect"), "claude-code");
  EXPECT_THAT(shown.body, Not(HasSubstr("agentConfigId")));
}

TEST(Runs, WithoutHostScopeNothingRunsUnsandboxed) {
  Stack stack;
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.bob);
  const Reply reply = stack.Post(kRuns, std::string(kTesterRun), stack.bob);
  EXPECT_THAT(reply, IsError(403, "FORBIDDEN"));
  EXPECT_THAT(reply.message(), HasSubstr("host scope"));
}

TEST(Idempotency, TheSameKeyAndBodyGiveTheSameRun) {
  Stack stack;
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.alice);
  const auto post = [&](const std::string& body, const std::string& key) {
    return stack.Send("POST", kRuns, body, stack.alice, {{"Idempotency-Key", key}});
  };
  const std::string body(kTesterRun);
  const Reply first = post(body, "key-1");
  ASSERT_EQ(first.status, 201);
  EXPECT_FALSE(first.headers.Find("Idempotent-Replayed"));
  stack.Advance(Seconds(1));
  const Reply again = post(body, "key-1");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_TRUE(again.headers.Find("Idempotent-Replayed"));
  EXPECT_THAT(post(R"({"agent":"tester","prompt":"other","sandbox":"none"})", "key-1"),
              IsError(409, "IDEMPOTENCY_MISMATCH"));
  EXPECT_NE(post(body, "key-2").text("runId"), first.text("runId"));
  EXPECT_EQ(IdsOf(stack.Get(kRuns, stack.alice)).size(), 2u);
}

TEST(Idempotency, KeysAreVisibleAsciiAndNotTooLong) {
  Stack stack;
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.alice);
  for (const std::string& key : {std::string("a b"), std::string(256, 'k'), std::string("ä")}) {
    const Reply reply =
        stack.Send("POST", kRuns, std::string(kTesterRun), stack.alice, {{"Idempotency-Key", key}});
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << key;
    EXPECT_THAT(reply.message(), HasSubstr("Idempotency-Key")) << key;
  }
  EXPECT_EQ(stack
                .Send("POST", kRuns, std::string(kTesterRun), stack.alice,
                      {{"Idempotency-Key", std::string(255, 'k')}})
                .status,
            201);
}

TEST(ShowRun, TellsEverythingButTheValuesOfSecrets) {
  Stack stack;
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.alice);
  const Reply created =
      stack.Post(kRuns,
                 R"({"agent":"tester","prompt":"do it","sandbox":"none","timeout":60,)"
                 R"("env":{"PLAIN":"v","APP_TOKEN":"hidden1"},"secrets":{"S":"hidden2"},)"
                 R"("workspace":{"path":"/w","mode":"ro"}})",
                 stack.alice);
  const std::string id = created.text("runId");
  const Reply shown = stack.Get(kRuns + "/" + id, stack.alice);
  ASSERT_EQ(shown.status, 200) << shown.body;
  const std::string config = shown.text("agentConfigId");
  EXPECT_EQ(
      shown.body,
      R"({"runId":")" + id + R"(","id":")" + id + R"(","agentConfigId":")" + config +
          R"(","agentName":"tester","provider":"command","dialect":"plain",)"
          R"("status":"pending","queuePosition":1,"prompt":"do it","sandbox":"none",)"
          R"("environment":["PLAIN"],)"
          R"("dynamicVars":{"PLAIN":"v"},"network":"full","allow":[],)"
          R"("limits":{"memoryBytes":4294967296,"pids":1024,"diskBytes":10737418240,"files":1000000,"openFiles":16384,)"
          R"("timeoutSeconds":60,"idleTimeoutSeconds":1800,"lineBytes":8388608,)"
          R"("spoolBytes":1073741824,"named":["timeout"],)"
          R"("unenforced":["memory","pids","disk","files","open_files"]},)"
          R"("workspace":{"mode":"ro","path":"/w"},"secrets":["APP_TOKEN","S"],"attempt":0,"maxAttempts":3,)"
          R"("createdAt":"2025-11-20T08:00:00.000Z","lastSequence":0})");
}

TEST(ShowRun, TellsHowItEnded) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.PostRecords(Stack::Records(1, 3), run.token);
  stack.Post(kRuns + "/" + run.id + "/cancel", "", stack.alice);
  ASSERT_EQ(stack.Complete(run, 3).status, 200);
  const Reply shown = stack.Get(kRuns + "/" + run.id, stack.alice);
  EXPECT_EQ(shown.text("status"), "completed");
  EXPECT_EQ(shown.text("machine"), "m");
  for (const char* field : {"startedAt", "completedAt", "cancelRequestedAt"})
    EXPECT_NE(shown.text(field), "") << field;
  const json::object body = shown.object();
  EXPECT_EQ(StringMember(*ObjectMember(body, "result"), "output"), "done");
  EXPECT_EQ(body.at("lastSequence"), 3);
  EXPECT_EQ(body.at("attempt"), 1);
}

TEST(Ownership, SomebodyElsesRunIsNotFoundAndAMalformedIdIsNamed) {
  Stack stack;
  const std::string id = stack.CreateRun();
  const auto each = [&](const std::string& which, const std::string& token) {
    return std::vector<Reply>{stack.Get(kRuns + "/" + which, token),
                              stack.Get(kRuns + "/" + which + "/events", token),
                              stack.Post(kRuns + "/" + which + "/cancel", "", token)};
  };
  for (const Reply& reply : each(id, stack.bob)) {
    EXPECT_THAT(reply, IsError(404, "NOT_FOUND"));
    EXPECT_EQ(reply.message(), "Agent run not found");
  }
  for (const Reply& reply : each(kNobody, stack.alice))
    EXPECT_THAT(reply, IsError(404, "NOT_FOUND"));
  for (const Reply& reply : each(id, stack.admin)) EXPECT_THAT(reply, IsError(404, "NOT_FOUND"));
  for (const Reply& reply : each("x%27%20OR%201=1", stack.alice)) {
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST"));
    EXPECT_EQ(reply.message(), "Invalid run id: x' OR 1=1");
  }
  EXPECT_THAT(IdsOf(stack.Get(kRuns, stack.bob)), IsEmpty());
  // The attempts changed nothing.
  EXPECT_EQ(stack.Get(kRuns + "/" + id, stack.alice).text("status"), "pending");
}

TEST(ListRuns, NewestFirstAndFiltered) {
  Stack stack;
  const std::string first = stack.CreateRun();
  stack.Advance(Seconds(10));
  const std::string second = stack.CreateExternalRun();
  stack.Advance(Seconds(10));
  const std::string third = stack.CreateRun();
  stack.Post(kRuns + "/" + first + "/cancel", "", stack.alice);
  const auto listed = [&](const std::string& query) {
    return IdsOf(stack.Get(kRuns + query, stack.alice));
  };
  EXPECT_THAT(listed(""), ElementsAre(third, second, first));
  EXPECT_THAT(listed("?limit=2"), ElementsAre(third, second));
  EXPECT_THAT(listed("?status=cancelled"), ElementsAre(first));
  EXPECT_THAT(listed("?status=pending,running"), ElementsAre(third, second));
  EXPECT_THAT(listed("?agent=tester&limit=100"), ElementsAre(third, second, first));
  EXPECT_THAT(listed("?agent=other"), IsEmpty());
  EXPECT_THAT(listed("?since=2025-11-20T08:00:05Z"), ElementsAre(third, second));
  EXPECT_THAT(listed("?until=1763625605"), ElementsAre(first));
  EXPECT_THAT(listed("?since=2025-11-20T08:00:05Z&until=2025-11-20T08:00:15Z"),
              ElementsAre(second));
}

TEST(ListRuns, EachBeginsWithItsId) {
  Stack stack;
  const std::string id = stack.CreateRun();
  EXPECT_EQ(stack.Get(kRuns, stack.alice).body,
            R"({"runs":[{"id":")" + id + R"(","runId":")" + id +
                R"(","agentName":"tester","provider":"command","status":"pending",)"
                R"("queuePosition":1,"prompt":"do it","createdAt":"2025-11-20T08:00:00.000Z"}]})");
}

TEST(ListRuns, SaysWhenItCutsAPrompt) {
  Stack stack;
  std::string prompt;
  for (int i = 0; i < 1001; ++i) prompt += "ä";
  stack.Post("/api/agent/configs", std::string(kTesterConfig), stack.alice);
  stack.Post(kRuns, R"({"agent":"tester","sandbox":"none","prompt":")" + prompt + "\"}",
             stack.alice);
  const Reply listed = stack.Get(kRuns, stack.alice);
  EXPECT_THAT(listed.body,
              HasSubstr("\"prompt\":\"" + prompt.substr(0, 2000) + "\",\"promptCut\":true"));
}

TEST(ListRuns, NamesTheParameterThatIsWrong) {
  Stack stack;
  const struct {
    const char* query;
    const char* message;
  } cases[] = {
      {"?limit=0", "limit must be a whole number from 1 to 100"},
      {"?limit=101", "limit must be"},
      {"?limit=ten", "limit must be"},
      {"?limit=", "limit must be"},
      {"?limit=%2B5", "limit must be"},
      {"?status=done", "status \"done\" is none of pending"},
      {"?status=", "status \"\" is none of"},
      {"?status=running,", "status \"\" is none of"},
      {"?since=yesterday", "since must be a time"},
      {"?until=2025-99-99", "until must be a time"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Get(kRuns + each.query, stack.alice);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.query;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.query;
  }
}

TEST(ProtocolRow, CancelPending_EndsAtOnce) {
  Stack stack;
  const std::string id = stack.CreateRun();
  const Reply reply = stack.Post(kRuns + "/" + id + "/cancel", "", stack.alice);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            R"({"id":")" + id +
                R"(","status":"cancelled","cancelRequestedAt":)"
                R"("2025-11-20T08:00:00.000Z","message":"Run cancelled successfully"})");
  EXPECT_EQ(stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin).status, 204);
}

TEST(ProtocolRow, CancelStarted_StoresTheIntentAndSaysTheTrueStatus) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(stack.Post(kRuns + "/" + run.id + "/cancel", "", stack.alice).body,
            R"({"id":")" + run.id +
                R"(","status":"running","cancelRequestedAt":"2025-11-20T08:00:00.000Z",)"
                R"("message":"Cancel requested"})");
}

TEST(ProtocolRow, CancelRepeated_KeepsTheFirstTime) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string path = kRuns + "/" + run.id + "/cancel";
  const Reply first = stack.Post(path, "", stack.alice);
  stack.Advance(Seconds(3));
  EXPECT_EQ(stack.Post(path, "{}", stack.alice).body, first.body);
}

TEST(ProtocolRow, CancelTooLate_TheRunKeepsItsOwnStatus) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_EQ(stack.Post(kRuns + "/" + run.id + "/cancel", "", stack.alice).status, 200);
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  EXPECT_EQ(stack.Get(kRuns + "/" + run.id, stack.alice).text("status"), "completed");
}

TEST(ProtocolRow, CancelExternal_EndsWithWhatIsStored) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  stack.Post("/api/webhooks/agent-events", R"({"runId":")" + id + R"(","events":[{},{}]})",
             stack.alice);
  EXPECT_EQ(stack.Post(kRuns + "/" + id + "/cancel", "", stack.alice).text("status"), "cancelled");
  EXPECT_THAT(stack.Get(kRuns + "/" + id, stack.alice).body, HasSubstr(R"("lastSequence":2})"));
}

TEST(ProtocolRow, CancelUnstarted_LetsALateStartFindTheEnd) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  EXPECT_EQ(stack.Post(kRuns + "/" + run.id + "/cancel", "", stack.alice).text("status"),
            "cancelled");
  EXPECT_THAT(stack.Post("/api/webhooks/agent/start", R"({"v":1})", run.token),
              IsError(410, "RUN_ENDED"));
}

TEST(ProtocolRow, CancelEnded_SaysHowItEnded) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  const Reply reply = stack.Post(kRuns + "/" + run.id + "/cancel", "", stack.alice);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            R"({"id":")" + run.id + R"(","status":"completed","message":"Run had already ended"})");
}

TEST(ProtocolRow, CreateOverLimit_IsRefusedWithTheReferencesTextUntilARunEnds) {
  Stack stack({.limits = {.unfinished_per_user = 1}});
  const std::string id = stack.CreateRun();
  const Reply refused = stack.Post("/api/agent/runs", std::string(kTesterRun), stack.alice);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body,
            R"({"error":{"message":"You have reached the concurrent agent run limit. Please wait )"
            R"(for your current run to complete before starting a new one.",)"
            R"("code":"TOO_MANY_REQUESTS"}})");
  stack.Post("/api/agent/runs/" + id + "/cancel", "", stack.alice);
  stack.CreateRun();
}

TEST(Queue, IsShownInTheListAndInTheRunWhileItWaits) {
  Stack stack;
  const std::string first = stack.CreateRun();
  stack.Advance(Millis(1));
  const std::string second = stack.CreateRun();
  const auto place = [&](const std::string& id) {
    const json::object run = stack.Get("/api/agent/runs/" + id, stack.alice).object();
    return run.contains("queuePosition") ? run.at("queuePosition").as_int64() : 0;
  };
  EXPECT_EQ(place(first), 1);
  EXPECT_EQ(place(second), 2);
  const json::object list = stack.Get("/api/agent/runs", stack.alice).object();
  const json::array& runs = list.at("runs").as_array();
  EXPECT_EQ(runs.at(0).at("queuePosition"), 2);
  EXPECT_EQ(runs.at(1).at("queuePosition"), 1);
  stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
  EXPECT_EQ(place(first), 0);
  EXPECT_EQ(place(second), 1);
}

TEST(GetRun, ShowsARunWhoseSpecCanNotBeRead) {
  Stack stack;
  for (const std::string spec : {"{\"v\":9}", "{", ""}) {
    const std::string id = stack.CreateRun();
    store::Run run = stack.database->reader().runs.FindRun(*RunId::Parse(id)).value().value();
    run.id = RunId::New(stack.clock.WallNow());
    run.spec = spec;
    const std::function<Result<bool>(store::Stores&)> insert =
        [run](store::Stores& stores) -> Result<bool> {
      VM0_TRY(stores.runs.InsertRun(run));
      return true;
    };
    ASSERT_TRUE(store::Await(stack.loop, stack.database->Write<bool>(insert)));
    const Reply reply = stack.Get("/api/agent/runs/" + run.id.ToString(), stack.alice);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_THAT(reply.text("specProblem"), HasSubstr("the run's spec can't be read")) << spec;
    EXPECT_EQ(reply.text("status"), "pending");
  }
}

}  // namespace
}  // namespace vm0::api
