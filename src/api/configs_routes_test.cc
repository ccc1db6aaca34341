// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

const std::string kConfigs = "/api/agent/configs";

std::string Named(const std::string& name, const std::string& more = "") {
  return R"({"config":{"version":"1.0","agent":{"name":")" + name + "\"" + more + "}}}";
}

TEST(Configs, AreCreatedOnceAndThenUpdatedByName) {
  Stack stack;
  const Reply created = stack.Post(kConfigs, Named("a-b"), stack.alice);
  EXPECT_EQ(created.status, 201);
  const std::string id = created.text("configId");
  EXPECT_EQ(created.body, R"({"configId":")" + id +
                              R"(","name":"a-b","action":"created",)"
                              R"("createdAt":"2025-11-20T08:00:00.000Z"})");
  stack.Advance(Seconds(5));
  const Reply updated = stack.Post(kConfigs, Named("a-b", R"(,"image":"x")"), stack.alice);
  EXPECT_EQ(updated.status, 200);
  EXPECT_EQ(updated.body, R"({"configId":")" + id +
                              R"(","name":"a-b","action":"updated",)"
                              R"("updatedAt":"2025-11-20T08:00:05.000Z"})");
  const Reply found = stack.Get(kConfigs + "?name=a-b", stack.alice);
  EXPECT_EQ(
      found.body,
      R"({"id":")" + id +
          R"(","name":"a-b","config":{"version":"1.0","agent":{"name":"a-b","image":"x"}},)"
          R"("createdAt":"2025-11-20T08:00:00.000Z","updatedAt":"2025-11-20T08:00:05.000Z"})");
  EXPECT_EQ(stack.Get(kConfigs + "/" + id, stack.alice).body, found.body);
}

TEST(Configs, AreGivenBackAsTheyWereSent) {
  Stack stack;
  const std::string config =
      "{ \"version\": 1.0, \"agents\": {\"odd-one\": {\"description\":\"\xe2\x80\xa8 \\u00e4\"} } "
      "}";
  ASSERT_EQ(stack.Post(kConfigs, "{\"config\":1,\"config\":" + config + "}", stack.alice).status,
            201);
  EXPECT_THAT(stack.Get(kConfigs + "?name=odd-one", stack.alice).body,
              HasSubstr("\"config\":" + config + ","));
}

TEST(Configs, RefuseWhatIsWrongByName) {
  Stack stack;
  const struct {
    std::string body;
    const char* message;
  } cases[] = {
      {"", "Request body is not valid JSON: "},
      {"{", "Request body is not valid JSON: "},
      {"[]", "Request body must be a JSON object"},
      {"{}", "Missing config"},
      {R"({"config":null})", "Missing config"},
      {R"({"config":"x"})", "Config must be an object"},
      {R"({"config":{}})", "Missing config.version"},
      {R"({"config":{"version":"1.0"}})", "Missing agents object in config"},
      {R"({"config":{"version":"1.0","agents":[]}})",
       "agents must be an object, not an array. Use format: agents: { agent-name: { ... } }"},
      {R"({"config":{"version":"1.0","agents":{}}})",
       "agents must have at least one agent defined"},
      {Named("a"), "Invalid agent name format."},
      {Named("ab"), "Invalid agent name format."},
      {Named("-abc"), "Invalid agent name format."},
      {Named("abc", R"(,"colour":"red")"), "Unknown key agent.colour"},
      {Named("claude-code"), "is the name of a built-in agent"},
      {Named("command"), "is the name of a built-in agent"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Post(kConfigs, each.body, stack.alice);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.body;
    EXPECT_THAT(reply.message(), HasSubstr(each.message)) << each.body;
  }
}

TEST(Configs, AreLimitedInSize) {
  Stack stack;
  const std::string fill(1 << 20, 'x');
  EXPECT_THAT(stack.Post(kConfigs, Named("abc", ",\"image\":\"" + fill + "\""), stack.alice),
              IsError(413, "PAYLOAD_TOO_LARGE"));
}

TEST(Configs, BelongToTheirUser) {
  Stack stack;
  const std::string id = stack.Post(kConfigs, Named("mine"), stack.alice).text("configId");
  EXPECT_THAT(stack.Get(kConfigs + "/" + id, stack.bob), IsError(404, "NOT_FOUND"));
  EXPECT_THAT(stack.Get(kConfigs + "?name=mine", stack.bob), IsError(404, "NOT_FOUND"));
  // The same name is another config.
  const Reply other = stack.Post(kConfigs, Named("mine"), stack.bob);
  EXPECT_EQ(other.status, 201);
  EXPECT_NE(other.text("configId"), id);
  const Reply run =
      stack.Post("/api/agent/runs",
                 R"({"agentConfigId":")" + id + R"(","prompt":"p","sandbox":"none"})", stack.bob);
  EXPECT_THAT(run, IsError(404, "NOT_FOUND"));
  EXPECT_EQ(run.message(), "Agent config not found");
}

TEST(Configs, AreLookedUpInTheReferencesWords) {
  Stack stack;
  EXPECT_EQ(stack.Get(kConfigs, stack.alice).message(), "Missing name query parameter");
  EXPECT_THAT(stack.Get(kConfigs + "?name=", stack.alice), IsError(400, "BAD_REQUEST"));
  const Reply unknown = stack.Get(kConfigs + "?name=no%20such", stack.alice);
  EXPECT_THAT(unknown, IsError(404, "NOT_FOUND"));
  EXPECT_EQ(unknown.message(), "Agent config not found: no such");
  const Reply malformed = stack.Get(kConfigs + "/17", stack.alice);
  EXPECT_THAT(malformed, IsError(400, "BAD_REQUEST"));
  EXPECT_EQ(malformed.message(), "Invalid config id: 17");
  const Reply absent = stack.Get(kConfigs + "/00000000-0000-0000-0000-000000000000", stack.alice);
  EXPECT_THAT(absent, IsError(404, "NOT_FOUND"));
  EXPECT_EQ(absent.message(), "Agent config not found");
}

}  // namespace
}  // namespace vm0::api
