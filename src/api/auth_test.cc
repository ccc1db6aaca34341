// SPDX-License-Identifier: Apache-2.0
#include "api/auth.h"

#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

TEST(Auth, EachWayToFailHasItsOwnWords) {
  Stack stack;
  const std::string expired = stack.NewToken("alice", store::Token::Kind::kUser, false,
                                             stack.clock.WallNow() + Seconds(10));
  stack.Advance(Seconds(10));
  const struct {
    HeaderList headers;
    const char* message;
  } cases[] = {
      {{}, "header is missing"},
      {{{"Sec-WebSocket-Protocol", "vm0.token." + stack.alice}}, "header is missing"},
      {{{"Authorization", "Bearer"}}, "header is malformed"},
      {{{"Authorization", "Bearer "}}, "header is malformed"},
      {{{"Authorization", "Basic " + stack.alice}}, "header is malformed"},
      {{{"Authorization", stack.alice}}, "header is malformed"},
      {{{"Authorization", "Bearer two words"}}, "header is malformed"},
      {{{"Authorization", "Bearer " + std::string(300, 'a')}}, "header is malformed"},
      {{{"Authorization", "Bearer vm0_live_nobody"}}, "unknown or was revoked"},
      {{{"Authorization", "Bearer " + stack.alice + "x"}}, "unknown or was revoked"},
      {{{"Authorization", "Bearer " + expired}}, "has expired"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Send("GET", "/api/agent/runs", "", "", each.headers);
    EXPECT_THAT(reply, IsError(401, "UNAUTHORIZED"));
    // The reference's clients look for these words.
    EXPECT_THAT(reply.message(), testing::StartsWith("Not authenticated"));
    EXPECT_THAT(reply.message(), HasSubstr(each.message));
    EXPECT_EQ(reply.headers.Find("WWW-Authenticate"), "Bearer");
  }
}

TEST(Auth, TheSchemeIsReadWithoutCase) {
  Stack stack;
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER  "})
    EXPECT_EQ(
        stack.Send("GET", "/api/agent/runs", "", "", {{"authorization", scheme + stack.alice}})
            .status,
        200);
}

TEST(Auth, ATokenThatExpiresLaterIsGoodUntilThen) {
  Stack stack;
  const std::string token = stack.NewToken("alice", store::Token::Kind::kUser, false,
                                           stack.clock.WallNow() + Seconds(10));
  stack.Advance(Seconds(9));
  EXPECT_EQ(stack.Get("/api/agent/runs", token).status, 200);
}

TEST(Auth, EveryRouteButTheOpenOnesNeedsAToken) {
  Stack stack;
  const char* const routes[] = {
      "POST /api/server/handover",
      "GET /api/server/backup",
      "POST /api/agent/configs",
      "GET /api/agent/configs",
      "GET /api/agent/configs/1",
      "POST /api/agent/runs",
      "GET /api/agent/runs",
      "GET /api/agent/runs/1",
      "GET /api/agent/runs/1/events",
      "POST /api/agent/runs/1/cancel",
      "POST /api/agent/prune",
      "POST /api/webhooks/agent-events",
      "POST /api/webhooks/agent/events",
      "POST /api/webhooks/agent/start",
      "POST /api/webhooks/agent/heartbeat",
      "GET /api/webhooks/agent/control",
      "POST /api/webhooks/agent/complete",
      "POST /api/runner/claim",
      "GET /api/runner/runs",
      "POST /api/tokens",
      "GET /api/tokens",
      "DELETE /api/tokens/1",
  };
  for (const std::string route : routes) {
    const std::size_t space = route.find(' ');
    const Reply reply = stack.Send(route.substr(0, space), route.substr(space + 1), "{", "");
    EXPECT_THAT(reply, IsError(401, "UNAUTHORIZED")) << route;
  }
}

TEST(Auth, AdminRoutesRefuseOtherUsers) {
  Stack stack;
  for (const char* path : {"/api/server/handover", "/api/tokens", "/api/runner/claim"}) {
    EXPECT_THAT(stack.Post(path, "{}", stack.alice), IsError(403, "FORBIDDEN")) << path;
  }
  EXPECT_THAT(stack.Get("/api/runner/runs?machine=m", stack.alice), IsError(403, "FORBIDDEN"));
  EXPECT_THAT(stack.Get("/api/server/backup", stack.alice), IsError(403, "FORBIDDEN"));
}

TEST(ProtocolRow, TokenRunOnOtherRoute_IsForbidden) {
  Stack stack;
  const Stack::ClaimedRun run = stack.Claim();
  for (const std::string path :
       {"/api/agent/runs", "/api/agent/configs?name=tester", "/api/tokens", "/api/runner/runs"}) {
    EXPECT_THAT(stack.Get(path, run.token), IsError(403, "FORBIDDEN")) << path;
  }
  const std::string own = "/api/agent/runs/" + run.id;
  EXPECT_THAT(stack.Get(own, run.token), IsError(403, "FORBIDDEN"));
  EXPECT_THAT(stack.Get(own + "/events", run.token), IsError(403, "FORBIDDEN"));
  EXPECT_THAT(stack.Post(own + "/cancel", "", run.token), IsError(403, "FORBIDDEN"));
  EXPECT_THAT(stack.Post("/api/agent/runs", std::string(kTesterRun), run.token),
              IsError(403, "FORBIDDEN"));
}

TEST(ProtocolRow, TokenForeignRun_IsNotFound) {
  Stack stack;
  const Stack::ClaimedRun other = stack.ClaimAndStart();
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string foreign = R"({"v":1,"runId":")" + other.id + "\"}";
  for (const char* path : {"/api/webhooks/agent/start", "/api/webhooks/agent/heartbeat",
                           "/api/webhooks/agent/complete"}) {
    EXPECT_THAT(stack.Post(path, foreign, run.token), IsError(404, "NOT_FOUND")) << path;
  }
  EXPECT_THAT(stack.Get("/api/webhooks/agent/control?runId=" + other.id, run.token),
              IsError(404, "NOT_FOUND"));
  EXPECT_THAT(stack.Post("/api/webhooks/agent/events",
                         R"({"events":[{}],"runId":")" + other.id + "\"}", run.token),
              IsError(404, "NOT_FOUND"));
  // Its own id is fine.
  EXPECT_EQ(
      stack.Post("/api/webhooks/agent/heartbeat", R"({"v":1,"runId":")" + run.id + "\"}", run.token)
          .status,
      200);
}

TEST(ProtocolRow, TokenVoidAfterEnd_IsUnauthorizedTenMinutesLater) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.Complete(run, 0).status, 200);
  stack.Advance(Seconds(599));
  EXPECT_EQ(stack.Complete(run, 0).status, 200);
  stack.Advance(Seconds(1));
  const Reply reply = stack.Complete(run, 0);
  EXPECT_THAT(reply, IsError(401, "UNAUTHORIZED"));
  EXPECT_THAT(reply.message(), HasSubstr("expired"));
}

TEST(HostCheck, TakesOnlyTheNamesOfThisServer) {
  Stack stack;
  const auto status_of = [&](const std::string& host_lines) {
    const std::string answer =
        stack.SendRaw("GET /healthz HTTP/1.1\r\n" + host_lines + "Connection: close\r\n\r\n");
    return answer.substr(9, 3);
  };
  for (const char* host : {"127.0.0.1", "127.0.0.1:1", "localhost:8400", "LOCALHOST", "[::1]:80"})
    EXPECT_EQ(status_of("Host: " + std::string(host) + "\r\n"), "200") << host;
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "localhost:x", "[::2]", "[", "::1"})
    EXPECT_EQ(status_of("Host: " + std::string(host) + "\r\n"), "421") << host;
  EXPECT_EQ(status_of(""), "400");
  EXPECT_EQ(status_of("Host: localhost\r\nHost: localhost\r\n"), "400");
}

TEST(HostCheck, DoesNotAskOnAUnixSocket) {
  Stack stack;
  const std::string path = (stack.dir / "server.sock").string();
  ASSERT_TRUE(stack.server->ListenUnix(path));
  http::Client client(stack.loop, stack.clock, *http::Endpoint::Parse("unix:" + path));
  http::Request request;
  request.target = "/api/agent/runs";
  auto send = client.Send(request, Seconds(3600));
  const auto response = store::Await(stack.loop, std::move(send));
  ASSERT_TRUE(response);
  // It needs its token all the same.
  EXPECT_EQ(response->status, 401);
}

}  // namespace
}  // namespace vm0::api
