// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"

namespace vm0::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string RunPath(const std::string& id) { return "/api/agent/runs/" + id; }

std::vector<std::string> IdsOf(const Reply& reply) {
  std::vector<std::string> ids;
  const json::object body = reply.object();
  for (const json::value& proof : *ArrayMember(body, "proofs"))
    ids.emplace_back(*StringMember(proof.as_object(), "id"));
  return ids;
}

TEST(Records, AreTheBytesThatCame) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  const std::string records = Stack::Records(1, 5);
  ASSERT_EQ(stack.PostRecords(records, run.token).status, 200);
  const Reply all = stack.Get(RunPath(run.id) + "/records", stack.alice);
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.body, records);
  EXPECT_EQ(all.headers.Find("content-type"), "application/x-vm0-events; v=1");
  EXPECT_FALSE(all.headers.Find("vm0-first-damaged"));
  EXPECT_EQ(stack.Get(RunPath(run.id) + "/records?since=1&limit=2", stack.alice).body,
            Stack::Records(2, 3));
  EXPECT_EQ(stack.Get(RunPath(run.id) + "/records?since=9", stack.alice).body, "");
}

TEST(Records, NamesTheParameterThatIsWrong) {
  Stack stack;
  const std::string path = RunPath(stack.CreateRun()) + "/records";
  EXPECT_THAT(stack.Get(path + "?since=-1", stack.alice).message(), HasSubstr("since must be"));
  EXPECT_THAT(stack.Get(path + "?limit=1001", stack.alice).message(),
              HasSubstr("limit must be a whole number from 1 to 1000"));
  EXPECT_EQ(stack.Get(RunPath("x") + "/records", stack.alice).status, 400);
}

TEST(Proof, HasTheEndRecord) {
  Stack stack;
  const Stack::ClaimedRun run = stack.ClaimAndStart();
  ASSERT_EQ(stack.PostRecords(Stack::Records(1, 2), run.token).status, 200);
  EXPECT_EQ(stack.Get(RunPath(run.id) + "/proof", stack.alice).body,
            R"({"id":")" + run.id + R"(","status":"running","lastSequence":2})");
  ASSERT_EQ(stack.Complete(run, 2).status, 200);
  event::ChainHash chain;
  chain.Add(Stack::Records(1, 1));
  chain.Add(Stack::Records(2, 2));
  EXPECT_EQ(stack.Get(RunPath(run.id) + "/proof", stack.alice).body,
            R"({"id":")" + run.id +
                R"(","status":"completed","lastSequence":2,"end":{"status":"completed",)"
                R"("lastSequence":2,"hash":")" +
                chain.Hex() +
                R"(","outputComplete":true,"hashedBy":"server",)"
                R"("createdAt":"2025-11-20T08:00:00.000Z"}})");
}

TEST(Proof, IsForTheOwnerAndTheAdmin) {
  Stack stack;
  const std::string id = stack.CreateRun();
  for (const char* what : {"/proof", "/records"}) {
    EXPECT_EQ(stack.Get(RunPath(id) + what, stack.alice).status, 200);
    EXPECT_EQ(stack.Get(RunPath(id) + what, stack.admin).status, 200);
    EXPECT_THAT(stack.Get(RunPath(id) + what, stack.bob), IsError(404, "NOT_FOUND"));
    EXPECT_EQ(stack.Get(RunPath(id) + what, "").status, 401);
  }
  EXPECT_THAT(IdsOf(stack.Get("/api/agent/proofs", stack.alice)), ElementsAre(id));
  EXPECT_THAT(IdsOf(stack.Get("/api/agent/proofs", stack.admin)), ElementsAre(id));
  EXPECT_THAT(IdsOf(stack.Get("/api/agent/proofs", stack.bob)), ElementsAre());
}

TEST(Proof, OfAllRunsComesInPages) {
  Stack stack;
  const std::string first = stack.CreateRun();
  const std::string second = stack.CreateRun();
  const std::string third = stack.CreateRun();
  const std::string list = "/api/agent/proofs?limit=2";
  EXPECT_EQ(IdsOf(stack.Get(list, stack.admin)).size(), 2u);
  std::vector<std::string> all;
  std::string before;
  for (;;) {
    const auto ids = IdsOf(stack.Get(list + before, stack.admin));
    if (ids.empty()) break;
    all.insert(all.end(), ids.begin(), ids.end());
    before = "&before=" + ids.back();
  }
  EXPECT_THAT(all, testing::UnorderedElementsAre(first, second, third));
  EXPECT_EQ(stack.Get(list + "&before=x", stack.admin).status, 400);
}

}  // namespace
}  // namespace vm0::api
