// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "agent/spec.h"
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

const std::string kClaim = "/api/runner/claim";
const std::string kMachine = R"({"v":1,"machine":"m"})";

TEST(ProtocolRow, ClaimPending_GivesTheSpecOfTheOldestRun) {
  Stack stack;
  const std::string first = stack.CreateRun();
  stack.Advance(Seconds(1));
  const std::string second = stack.CreateRun();
  const Reply reply = stack.Post(kClaim, kMachine, stack.admin);
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, testing::StartsWith(R"({"v":1,"runId":")" + first +
                                              R"(","attempt":1,"token":"vm0_run_)"));
  const json::object body = reply.object();
  const json::object* spec = ObjectMember(body, "spec");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(StringMember(*spec, "prompt"), "do it");
  EXPECT_TRUE(agent::ParseRunSpec(*spec));
  EXPECT_EQ(stack.Post(kClaim, kMachine, stack.admin).text("runId"), second);
}

TEST(ProtocolRow, ClaimNothing_AnswersNoContentAfterTheWait) {
  Stack stack;
  const Reply at_once = stack.Post(kClaim, kMachine, stack.admin);
  EXPECT_EQ(at_once.status, 204);
  EXPECT_EQ(at_once.body, "");
  const auto claim = stack.Start("POST", kClaim, R"({"v":1,"machine":"m","wait":60})", stack.admin);
  stack.RunUntil([&] { return stack.server->active_exchanges() == 1; });
  stack.Advance(Seconds(59));
  stack.Get("/healthz", "");
  EXPECT_FALSE(claim->done());
  stack.Advance(Seconds(1));
  EXPECT_EQ(stack.Finish(claim).status, 204);
}

TEST(ProtocolRow, ClaimNothing_AnswersAsSoonAsARunIsCreated) {
  Stack stack;
  const auto claim = stack.Start("POST", kClaim, R"({"v":1,"machine":"m","wait":60})", stack.admin);
  stack.RunUntil([&] { return stack.server->active_exchanges() == 1; });
  const std::string id = stack.CreateRun();
  EXPECT_EQ(stack.Finish(claim).text("runId"), id);
}

TEST(Claim, ARunnerThatWentAwayGetsNothing) {
  Stack stack;
  const auto claim =
      stack.Start("POST", kClaim, R"({"v":1,"machine":"gone","wait":60})", stack.admin);
  stack.RunUntil([&] { return stack.server->active_exchanges() == 1; });
  stack.Abort(claim);
  stack.RunUntil([&] { return stack.server->active_exchanges() == 0; });
  const std::string id = stack.CreateRun();
  EXPECT_EQ(stack.Get("/api/agent/runs/" + id, stack.alice).text("status"), "pending");
}

TEST(Claim, EndsWhenTheServerStops) {
  Stack stack;
  const auto claim = stack.Start("POST", kClaim, R"({"v":1,"machine":"m","wait":60})", stack.admin);
  stack.RunUntil([&] { return stack.server->active_exchanges() == 1; });
  EXPECT_EQ(stack.api->open_reads(), 0u);
  stack.api->EndWaits();
  EXPECT_EQ(stack.Finish(claim).status, 204);
}

const std::string kRelease = "/api/runner/release";

std::string ReleaseOf(const std::string& id, int attempt = 1, const std::string& machine = "m") {
  return R"({"v":1,"machine":")" + machine + R"(","runId":")" + id + R"(","attempt":)" +
         std::to_string(attempt) + R"(,"reason":"exit code 7"})";
}

TEST(ProtocolRow, ReleaseUnstarted_ShowsTheRunAsPendingAndWhyItIsAgain) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  EXPECT_THAT(stack.Post(kRelease, ReleaseOf(run.id, 1, "other"), stack.admin),
              IsError(409, "CONFLICT"));
  const Reply reply = stack.Post(kRelease, ReleaseOf(run.id), stack.admin);
  EXPECT_EQ(reply.body, R"({"ok":true,"status":"pending"})");
  const Reply shown = stack.Get("/api/agent/runs/" + run.id, stack.alice);
  EXPECT_EQ(shown.text("status"), "pending");
  EXPECT_EQ(shown.text("lastFailure"), "exit code 7");
  EXPECT_FALSE(shown.object().contains("machine"));
  EXPECT_FALSE(shown.object().contains("queuePosition"));  // not in the queue yet
  stack.Advance(run::kFirstPause);
  stack.RunUntil([&] {
    return stack.Get("/api/agent/runs/" + run.id, stack.alice).object().contains("queuePosition");
  });
  const Reply again = stack.Post(kClaim, kMachine, stack.admin);
  EXPECT_EQ(again.object().at("attempt"), 2);
  EXPECT_NE(again.text("token"), run.token);
}

TEST(ProtocolRow, ReleaseStarted_IsAConflict) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  EXPECT_THAT(stack.Post(kRelease, ReleaseOf(run.id), stack.admin), IsError(409, "CONFLICT"));
}

TEST(ProtocolRow, ReleaseLast_FailsTheRun) {
  Stack stack;
  const std::string body =
      R"({"agent":"tester","prompt":"p","sandbox":"none","network":"full","maxAttempts":1})";
  stack.CreateRun();  // makes the config
  stack.Post(kClaim, kMachine, stack.admin);
  const std::string id = stack.Post("/api/agent/runs", body, stack.alice).text("runId");
  const std::string token = stack.Post(kClaim, kMachine, stack.admin).text("token");
  stack.Post(kHook + "heartbeat", "{}", token);
  EXPECT_EQ(stack.api->supervisors().alive, 1u);
  const Reply reply = stack.Post(kRelease, ReleaseOf(id), stack.admin);
  EXPECT_EQ(reply.body, R"({"ok":true,"status":"failed"})");
  EXPECT_EQ(stack.api->supervisors().alive, 0u) << "it is forgotten";
  const Reply shown = stack.Get("/api/agent/runs/" + id, stack.alice);
  EXPECT_EQ(shown.text("error"), "the supervisor could not be started: exit code 7");
  EXPECT_EQ(shown.object().at("maxAttempts"), 1);
}

std::string AdoptOf(const std::string& id, int attempt) {
  return R"({"v":1,"machine":"m","runId":")" + id + R"(","attempt":)" + std::to_string(attempt) +
         R"(,"started":true})";
}
const std::string kAdopt = "/api/runner/adopt";

TEST(ProtocolRow, AdoptRestored_GivesATokenThatTakesEvents) {
  Stack stack;
  const std::string id = stack.CreateRun();
  const Reply reply = stack.Post(kAdopt, AdoptOf(id, 1), stack.admin);
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, testing::StartsWith(R"({"v":1,"token":"vm0_run_)"));
  EXPECT_EQ(stack.PostRecords(Stack::Records(1, 2), reply.text("token")).status, 200);
  EXPECT_EQ(stack.Post(kClaim, kMachine, stack.admin).status, 204);
}

TEST(ProtocolRow, AdoptUnknown_IsNotFound) {
  Stack stack;
  const std::string id = "019a0000-0000-7000-8000-000000000001";
  EXPECT_THAT(stack.Post(kAdopt, AdoptOf(id, 1), stack.admin), IsError(404, "NOT_FOUND"));
}

TEST(Adopt, NamesTheFieldThatIsWrong) {
  Stack stack;
  const std::string run = R"({"machine":"m","runId":"019a0000-0000-7000-8000-000000000001")";
  const std::pair<std::string, const char*> cases[] = {
      {R"({"v":1})", "Missing machine"},
      {run + "}", "Missing attempt"},
      {run + R"(,"attempt":1})", "Missing started"},
      {run + R"(,"attempt":1,"started":"yes"})", "started must be"},
      {R"({"v":2,"machine":"m"})", "version"},
  };
  for (const auto& [body, message] : cases) {
    const Reply reply = stack.Post(kAdopt, body, stack.admin);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << body;
    EXPECT_THAT(reply.message(), HasSubstr(message)) << body;
  }
  EXPECT_EQ(stack.Post(kAdopt, "{}", stack.alice).status, 403);
}

TEST(Release, NamesTheFieldThatIsWrong) {
  Stack stack;
  const std::string run = R"({"machine":"m","runId":"019a0000-0000-7000-8000-000000000001")";
  const std::pair<std::string, const char*> cases[] = {
      {R"({"v":1})", "Missing machine"},
      {R"({"machine":"m"})", "Missing runId"},
      {R"({"machine":"m","runId":"x"})", "Invalid run id"},
      {run + "}", "Missing attempt"},
      {run + R"(,"attempt":0,"reason":"x"})", "attempt must be"},
      {run + R"(,"attempt":1})", "Missing reason"},
      {run + R"(,"attempt":1,"reason":""})", "Missing reason"},
      {run + R"(,"attempt":1,"reason":")" + std::string(4097, 'x') + "\"}", "at most 4096"},
      {R"({"v":2,"machine":"m"})", "version"},
  };
  for (const auto& [body, message] : cases) {
    const Reply reply = stack.Post(kRelease, body, stack.admin);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << body;
    EXPECT_THAT(reply.message(), HasSubstr(message)) << body;
  }
  EXPECT_EQ(stack.Post(kRelease, "{}", stack.alice).status, 403);
}

TEST(Claim, NamesTheFieldThatIsWrong) {
  Stack stack;
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {"", "Request body is not valid JSON"},
      {R"({"v":1})", "Missing machine"},
      {R"({"machine":""})", "Missing machine"},
      {R"({"machine":7})", "machine must be a string"},
      {R"({"machine":"m","wait":61})", "wait must be a whole number from 0 to 60"},
      {R"({"machine":"m","wait":-1})", "wait must be"},
      {R"({"machine":"m","runId":"x"})", "Unknown field: runId"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Post(kClaim, each.body, stack.admin);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.body;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.body;
  }
}

TEST(UnfinishedRuns, AreThoseOfTheMachine) {
  Stack stack;
  const Stack::ClaimedRun claimed = stack.Claim();
  stack.Advance(Seconds(1));
  const Stack::ClaimedRun started = stack.ClaimAndStart();
  stack.Post("/api/agent/runs/" + started.id + "/cancel", "", stack.alice);
  stack.Advance(Seconds(1));
  const Stack::ClaimedRun ended = stack.ClaimAndStart();
  ASSERT_EQ(stack.Complete(ended, 0).status, 200);
  EXPECT_EQ(stack.Get("/api/runner/runs?machine=m", stack.admin).body,
            R"({"runs":[{"id":")" + claimed.id +
                R"(","attempt":1,"started":false,"cancelRequested":false},{"id":")" + started.id +
                R"(","attempt":1,"started":true,"cancelRequested":true}]})");
  EXPECT_EQ(stack.Get("/api/runner/runs?machine=other", stack.admin).body, R"({"runs":[]})");
  EXPECT_THAT(stack.Get("/api/runner/runs", stack.admin), IsError(400, "BAD_REQUEST"));
}

// A control stream as a supervisor holds it.
class ControlStream {
 public:
  ControlStream(Stack& stack, const std::string& token, const std::string& query = "")
      : stack_(stack),
        client_(stack.loop, stack.clock, *http::Endpoint::Parse("http://127.0.0.1:" + stack.port)) {
    http::Request request;
    request.target = "/api/webhooks/agent/control" + query;
    request.headers.Set("Authorization", "Bearer " + token);
    asio::co_spawn(stack.loop, Read(std::move(request)), asio::detached);
    stack.RunUntil([&] { return status != 0; });
  }
  ~ControlStream() {
    if (stream_) stream_->Close();
    stack_.RunUntil([&] { return ended; });
  }

  // Until the stream's text is so.
  void ExpectText(const std::string& wanted) {
    stack_.RunUntil([&] { return text.size() >= wanted.size(); });
    EXPECT_EQ(text, wanted);
  }

  int status = 0;
  std::string text;
  bool ended = false;

 private:
  asio::awaitable<void> Read(http::Request request) {
    auto opened = co_await client_.OpenStream(std::move(request), Seconds(30));
    status = opened ? (*opened)->head().status : -1;
    if (opened) stream_ = std::move(*opened);
    while (stream_) {
      auto bytes = co_await stream_->Read();
      if (!bytes || bytes->empty()) break;
      text += *bytes;
    }
    ended = true;
  }

  Stack& stack_;
  http::Client client_;
  std::unique_ptr<http::ResponseStream> stream_;
};

constexpr const char* kCancelFrame =
    "event: cancel\ndata: {\"requestedAt\":\"2025-11-20T08:00:00.000Z\"}\n\n";

TEST(ProtocolRow, ControlOpenIntents_AreSaidFirst) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  stack.Post("/api/agent/runs/" + run.id + "/cancel", "", stack.alice);
  ControlStream first(stack, run.token);
  first.ExpectText(kCancelFrame);
  // Each connection hears them.
  ControlStream second(stack, run.token);
  second.ExpectText(kCancelFrame);
}

TEST(ProtocolRow, ControlLater_HearsTheCancelWhileConnected) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ControlStream control(stack, run.token);
  EXPECT_EQ(control.status, 200);
  stack.RunUntil([&] { return stack.feed->listeners() == 1; });
  // Events are nothing to it.
  ASSERT_EQ(stack.PostRecords(Stack::Records(1, 5), run.token).status, 200);
  EXPECT_EQ(control.text, "");
  stack.Post("/api/agent/runs/" + run.id + "/cancel", "", stack.alice);
  control.ExpectText(kCancelFrame);
  stack.Post("/api/agent/runs/" + run.id + "/cancel", "", stack.alice);
  ASSERT_EQ(stack.Complete(run, 5).status, 200);
  stack.RunUntil([&] { return control.ended; });
  EXPECT_THAT(control.text, testing::StartsWith(std::string(kCancelFrame) +
                                                "event: end\ndata: {\"status\":\"completed\","));
}

TEST(Control, SaysSomethingEachFifteenSeconds) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ControlStream control(stack, run.token);
  std::string wanted;
  for (int i = 0; i < 3; ++i) {
    stack.RunUntil([&] { return stack.feed->listeners() == 1; });
    stack.Advance(Seconds(15));
    wanted += ":\n\n";
    control.ExpectText(wanted);
  }
}

TEST(Control, OfAnEndedRunSaysEndAndCloses) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  ControlStream control(stack, run.token);
  stack.RunUntil([&] { return control.ended; });
  EXPECT_THAT(control.text, testing::StartsWith("event: end\n"));
}

TEST(Control, ClosesWhenTheAttemptIsGivenBack) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  ControlStream control(stack, run.token);
  stack.RunUntil([&] { return stack.feed->listeners() == 1; });
  ASSERT_EQ(stack.Post(kRelease, ReleaseOf(run.id), stack.admin).status, 200);
  stack.RunUntil([&] { return control.ended; });
  EXPECT_EQ(control.text, "");
  EXPECT_THAT(stack.Get("/api/webhooks/agent/control", run.token), IsError(410, "SUPERSEDED"));
}

TEST(Control, EndsWhenTheServerStopsAndIsNoRead) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ControlStream control(stack, run.token);
  stack.RunUntil([&] { return stack.feed->listeners() == 1; });
  EXPECT_EQ(stack.api->open_reads(), 0u);
  stack.api->EndWaits();
  stack.RunUntil([&] { return control.ended; });
}

TEST(Control, TellsTheOwnerOfAnExternalRunToo) {
  Stack stack;
  const std::string id = stack.CreateExternalRun();
  EXPECT_THAT(stack.Get("/api/webhooks/agent/control", stack.alice), IsError(400, "BAD_REQUEST"));
  ControlStream control(stack, stack.alice, "?runId=" + id);
  stack.RunUntil([&] { return stack.feed->listeners() == 1; });
  stack.Post("/api/agent/runs/" + id + "/cancel", "", stack.alice);
  stack.RunUntil([&] { return control.ended; });
  EXPECT_THAT(control.text, testing::StartsWith(std::string(kCancelFrame) + "event: end\n"));
}

}  // namespace
}  // namespace vm0::api
