// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kTokens = "/api/tokens";

std::vector<std::string> NamesOf(const Reply& reply) {
  std::vector<std::string> names;
  const json::object body = reply.object();
  for (const json::value& token : *ArrayMember(body, "tokens"))
    names.emplace_back(*StringMember(token.as_object(), "name"));
  return names;
}

TEST(Tokens, AreShownOnceAndWork) {
  Stack stack;
  const Reply issued =
      stack.Post(kTokens, R"({"name":"laptop","user":"carol","hostScope":true,"expiresIn":3600})",
                 stack.admin);
  EXPECT_EQ(issued.status, 201);
  const std::string token = issued.text("token");
  EXPECT_EQ(issued.body, R"({"id":")" + issued.text("id") + R"(","token":")" + token +
                             R"(","name":"laptop","user":"carol","kind":"user","hostScope":true,)"
                             R"("createdAt":"2025-11-20T08:00:00.000Z",)"
                             R"("expiresAt":"2025-11-20T09:00:00.000Z"})");
  EXPECT_THAT(token, testing::StartsWith("vm0_live_"));
  EXPECT_EQ(stack.Get("/api/agent/runs", token).status, 200);
  EXPECT_THAT(stack.Get(kTokens, stack.admin).body, Not(HasSubstr(token)));
  stack.Advance(Seconds(3600));
  EXPECT_THAT(stack.Get("/api/agent/runs", token), IsError(401, "UNAUTHORIZED"));
}

TEST(Tokens, AreTheAdminsOwnAndWithoutScopeUnlessSaid) {
  Stack stack;
  const Reply issued = stack.Post(kTokens, R"({"name":"ci"})", stack.admin);
  EXPECT_EQ(issued.text("user"), "admin");
  EXPECT_THAT(issued.body, HasSubstr(R"("hostScope":false)"));
  EXPECT_THAT(issued.body, Not(HasSubstr("expiresAt")));
  // It is no admin's token.
  EXPECT_THAT(stack.Post(kTokens, R"({"name":"x"})", issued.text("token")),
              IsError(403, "FORBIDDEN"));
}

TEST(Tokens, OnlyTheAdminIssuesThem) {
  Stack stack;
  EXPECT_THAT(stack.Post(kTokens, R"({"name":"x"})", stack.alice), IsError(403, "FORBIDDEN"));
}

TEST(Tokens, EverybodySeesHisOwnAndTheAdminAll) {
  Stack stack;
  stack.Post(kTokens, R"({"name":"phone","user":"alice"})", stack.admin);
  EXPECT_THAT(NamesOf(stack.Get(kTokens, stack.alice)),
              testing::UnorderedElementsAre("alice", "phone"));
  EXPECT_THAT(NamesOf(stack.Get(kTokens, stack.bob)), ElementsAre("bob"));
  EXPECT_THAT(NamesOf(stack.Get(kTokens, stack.admin)),
              testing::UnorderedElementsAre("admin", "alice", "bob", "phone"));
}

TEST(Tokens, CanBeRevokedByTheirUserAndTheAdmin) {
  Stack stack;
  for (const std::string& revoker : {stack.alice, stack.admin}) {
    const Reply issued = stack.Post(kTokens, R"({"name":"phone","user":"alice"})", stack.admin);
    const std::string path = kTokens + "/" + issued.text("id");
    EXPECT_THAT(stack.Send("DELETE", path, "", stack.bob), IsError(404, "NOT_FOUND"));
    const Reply revoked = stack.Send("DELETE", path, "", revoker);
    EXPECT_EQ(revoked.body, R"({"id":")" + issued.text("id") + R"(","revoked":true})");
    const Reply after = stack.Get("/api/agent/runs", issued.text("token"));
    EXPECT_THAT(after, IsError(401, "UNAUTHORIZED"));
    EXPECT_THAT(after.message(), HasSubstr("revoked"));
    EXPECT_THAT(stack.Send("DELETE", path, "", revoker), IsError(404, "NOT_FOUND"));
  }
}

TEST(Tokens, TheAdminsOwnCanNotBeRevokedHere) {
  Stack stack;
  const json::object body = stack.Get(kTokens, stack.admin).object();
  for (const json::value& token : *ArrayMember(body, "tokens")) {
    if (StringMember(token.as_object(), "kind") != "admin") continue;
    const std::string id(*StringMember(token.as_object(), "id"));
    EXPECT_THAT(stack.Send("DELETE", kTokens + "/" + id, "", stack.admin),
                IsError(409, "CONFLICT"));
  }
  EXPECT_EQ(stack.Get(kTokens, stack.admin).status, 200);
}

TEST(Tokens, NameTheFieldThatIsWrong) {
  Stack stack;
  const struct {
    std::string body;
    const char* message;
  } cases[] = {
      {"", "Request body is not valid JSON"},
      {"{}", "Missing name"},
      {R"({"name":""})", "Missing name"},
      {R"({"name":1})", "name must be a string"},
      {R"({"name":")" + std::string(256, 'n') + "\"}", "name must be at most 255 bytes"},
      {R"({"name":"n","user":""})", "user must be"},
      {R"({"name":"n","user":"a b"})", "user must be"},
      {R"({"name":"n","hostScope":1})", "hostScope must be"},
      {R"({"name":"n","expiresIn":0})", "expiresIn must be"},
      {R"({"name":"n","expiresIn":"1h"})", "expiresIn must be"},
      {R"({"name":"n","admin":true})", "Unknown field: admin"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Post(kTokens, each.body, stack.admin);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.message;
    EXPECT_THAT(reply.message(), HasSubstr(each.message));
  }
  EXPECT_THAT(stack.Send("DELETE", kTokens + "/x", "", stack.admin), IsError(400, "BAD_REQUEST"));
}

}  // namespace
}  // namespace vm0::api
