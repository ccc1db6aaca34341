// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>

#include "api/openapi.h"
#include "api/test_stack.h"
#include "base/text.h"

namespace vm0::api {
namespace {

using testing::StartsWith;

// "/a/:id" as OpenAPI writes it.
std::string OpenApiPath(std::string_view pattern) {
  std::string path(pattern);
  const std::size_t id = path.find(":id");
  return id == std::string::npos ? path : path.replace(id, 3, "{id}");
}

TEST(Router, OpenApiListsExactlyItsRoutes) {
  std::set<std::string> routes;
  for (const Route& route : Routes())
    routes.insert(ToLowerAscii(route.method) + " " + OpenApiPath(route.pattern));
  const auto document = ParseJsonObject(OpenApiJson(), "openapi.json");
  ASSERT_TRUE(document) << document.error().message;
  std::set<std::string> listed;
  for (const auto& [path, methods] : *ObjectMember(*document, "paths")) {
    for (const auto& [method, operation] : methods.as_object())
      listed.insert(std::string(method) + " " + std::string(path));
  }
  EXPECT_EQ(listed, routes);
}

TEST(Router, EachRouteIsFoundByItsOwnPatternOnly) {
  for (const Route& route : Routes()) {
    std::string path(route.pattern);
    const std::size_t id = path.find(":id");
    if (id != std::string::npos) path.replace(id, 3, "some-id");
    const RouteMatch match = FindRoute(route.method, *http::ParseTarget(path));
    ASSERT_EQ(match.route, &route) << path;
    EXPECT_EQ(match.id, id == std::string::npos ? "" : "some-id");
    EXPECT_EQ(FindRoute(route.method, *http::ParseTarget(path + "/and/more")).route, nullptr);
  }
}

TEST(Router, AnUnknownPathIs404AndNeedsNoToken) {
  Stack stack;
  for (const char* path : {"/", "/api", "/api/agent", "/api/agent/runs/", "/API/agent/runs",
                           "/api/agent/runs/x/y", "/api//agent/runs", "/healthz/"}) {
    const Reply reply = stack.Get(path, "");
    EXPECT_THAT(reply, IsError(404, "NOT_FOUND")) << path;
    EXPECT_THAT(reply.message(), StartsWith("No such route: GET /")) << path;
  }
}

TEST(Router, AWrongMethodIs405AndNamesTheRightOnes) {
  Stack stack;
  const struct {
    const char* method;
    const char* path;
    const char* allow;
  } cases[] = {
      {"DELETE", "/api/agent/runs", "POST, GET, HEAD"},
      {"GET", "/api/runner/claim", "POST"},
      {"PUT", "/healthz", "GET, HEAD"},
      {"POST", "/api/tokens/1", "DELETE"},
      {"OPTIONS", "/api/agent/runs/x/events", "GET, HEAD"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Send(each.method, each.path, "", stack.alice);
    EXPECT_THAT(reply, IsError(405, "METHOD_NOT_ALLOWED")) << each.path;
    EXPECT_EQ(reply.headers.Find("Allow"), each.allow);
  }
}

TEST(Router, ATargetThatIsNoPathIs400) {
  Stack stack;
  EXPECT_THAT(stack.Get("/api/%zz", stack.alice), IsError(400, "BAD_REQUEST"));
}

TEST(Router, HeadIsGetWithoutTheBody) {
  Stack stack;
  const Reply get = stack.Get("/healthz", "");
  const Reply head = stack.Send("HEAD", "/healthz", "", "");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.headers.Find("Content-Length"), std::to_string(get.body.size()));
  EXPECT_EQ(stack.Send("HEAD", "/api/agent/runs", "", "").status, 401);
}

TEST(Server, HealthSaysVersionAndProcess) {
  Stack stack;
  const Reply reply = stack.Get("/healthz", "");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            R"({"ok":true,"version":"9.9.9","pid":)" + std::to_string(::getpid()) + "}");
  EXPECT_EQ(reply.headers.Find("Content-Type"), "application/json");
}

TEST(Server, IsReadyUntilItStops) {
  Stack stack;
  EXPECT_EQ(stack.Get("/readyz", "").status, 200);
  EXPECT_TRUE(stack.api->ready());
  stack.api->EndWaits();
  EXPECT_THAT(stack.Get("/readyz", ""), IsError(503, "UNAVAILABLE"));
  EXPECT_FALSE(stack.api->ready());
  EXPECT_EQ(stack.Get("/healthz", "").status, 200);
}

TEST(Server, GivesItsOpenApiDocument) {
  Stack stack;
  EXPECT_EQ(stack.Get("/openapi.json", "").body, OpenApiJson());
}

TEST(Handover, AnswersFirstAndThenMakesRoom) {
  Stack stack;
  EXPECT_THAT(stack.Post("/api/server/handover", "", stack.alice), IsError(403, "FORBIDDEN"));
  EXPECT_EQ(stack.handovers, 0);
  const Reply reply = stack.Post("/api/server/handover", R"({"version":"10.0"})", stack.admin);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.text("version"), "9.9.9");
  stack.RunUntil([&] { return stack.handovers > 0; });
  EXPECT_EQ(stack.handovers, 1);
}

TEST(Handover, IsRefusedByAServerThatSomebodyStarted) {
  Stack stack({.can_hand_over = false});
  EXPECT_THAT(stack.Post("/api/server/handover", "", stack.admin), IsError(409, "CONFLICT"));
}

TEST(Activity, OnlyUsersCountAsUse) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const MonoTime before = stack.api->last_request();
  stack.Advance(Seconds(60));
  stack.Get("/healthz", "");
  stack.Get("/api/agent/runs", "nonsense");
  stack.Post("/api/runner/claim", R"({"v":1,"machine":"m"})", stack.admin);
  stack.Post("/api/webhooks/agent/heartbeat", R"({"v":1})", run.token);
  EXPECT_EQ(stack.api->last_request(), before);
  stack.Get("/api/agent/runs", stack.alice);
  EXPECT_EQ(stack.api->last_request(), before + Seconds(60));
}

}  // namespace
}  // namespace vm0::api
