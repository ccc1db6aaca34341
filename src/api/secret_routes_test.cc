// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::HasSubstr;

const std::string kSecrets = "/api/agent/secrets";

TEST(Secrets, AreKeptUnderTheirNamesAndNeverShown) {
  Stack stack;
  const Reply made = stack.Send("PUT", kSecrets + "/TOKEN_1", R"({"value":"one"})", stack.alice);
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.body, R"({"name":"TOKEN_1","updatedAt":"2025-11-20T08:00:00.000Z"})");
  stack.Advance(Seconds(1));
  const Reply again = stack.Send("PUT", kSecrets + "/TOKEN_1", R"({"value":"two"})", stack.alice);
  EXPECT_EQ(again.status, 200);
  stack.Send("PUT", kSecrets + "/A", R"({"value":"three"})", stack.alice);
  EXPECT_EQ(stack.Get(kSecrets, stack.alice).body,
            R"({"secrets":[{"name":"A","updatedAt":"2025-11-20T08:00:01.000Z"},)"
            R"({"name":"TOKEN_1","updatedAt":"2025-11-20T08:00:01.000Z"}]})");
}

TEST(Secrets, BelongToTheirUserAlone) {
  Stack stack;
  stack.Send("PUT", kSecrets + "/A", R"({"value":"one"})", stack.alice);
  EXPECT_EQ(stack.Get(kSecrets, stack.bob).body, R"({"secrets":[]})");
  EXPECT_EQ(stack.Get(kSecrets, stack.admin).body, R"({"secrets":[]})");
  EXPECT_THAT(stack.Send("DELETE", kSecrets + "/A", "", stack.bob), IsError(404, "NOT_FOUND"));
  EXPECT_THAT(stack.Get(kSecrets, ""), IsError(401, "UNAUTHORIZED"));
}

TEST(Secrets, AreRemovedOnce) {
  Stack stack;
  stack.Send("PUT", kSecrets + "/A", R"({"value":"one"})", stack.alice);
  EXPECT_EQ(stack.Send("DELETE", kSecrets + "/A", "", stack.alice).body,
            R"({"name":"A","removed":true})");
  EXPECT_THAT(stack.Send("DELETE", kSecrets + "/A", "", stack.alice), IsError(404, "NOT_FOUND"));
}

TEST(Secrets, NameWhatIsWrong) {
  Stack stack;
  const struct {
    std::string name;
    std::string body;
    const char* message;
  } cases[] = {
      {"1A", R"({"value":"x"})", "Invalid secret name: 1A"},
      {"A-B", R"({"value":"x"})", "Invalid secret name: A-B"},
      {std::string(256, 'A'), R"({"value":"x"})", "Invalid secret name"},
      {"A", "", "Request body is not valid JSON"},
      {"A", "{}", "Missing value"},
      {"A", R"({"value":""})", "Missing value"},
      {"A", R"({"value":1})", "value must be a string"},
      {"A", R"({"value":"a\u0000b"})", "value must not contain a NUL"},
      {"A", R"({"value":")" + std::string((64 << 10) + 1, 'x') + "\"}", "value must be at most"},
      {"A", R"({"value":"x","name":"A"})", "Unknown field: name"},
  };
  for (const auto& each : cases) {
    const Reply reply = stack.Send("PUT", kSecrets + "/" + each.name, each.body, stack.alice);
    EXPECT_THAT(reply, IsError(400, "BAD_REQUEST")) << each.message;
    EXPECT_THAT(reply.message(), HasSubstr(each.message));
  }
  EXPECT_EQ(stack.Get(kSecrets, stack.alice).body, R"({"secrets":[]})");
}

TEST(Secrets, AreAThousandAtMost) {
  Stack stack;
  bool done = false;
  const auto fill = [](store::Stores& stores) -> Status {
    for (int i = 0; i < 1000; ++i)
      VM0_TRY(stores.runs.PutSecret({"alice", "S" + std::to_string(i), "sealed", {}}));
    return {};
  };
  stack.database->Submit(fill, [&done](const Status& status) { done = status.has_value(); });
  stack.RunUntil([&done] { return done; });
  EXPECT_THAT(stack.Send("PUT", kSecrets + "/T", R"({"value":"x"})", stack.alice),
              IsError(409, "CONFLICT"));
  EXPECT_EQ(stack.Send("PUT", kSecrets + "/S1", R"({"value":"y"})", stack.alice).status, 200);
  EXPECT_EQ(stack.Send("PUT", kSecrets + "/T", R"({"value":"x"})", stack.bob).status, 201);
}

}  // namespace
}  // namespace vm0::api
