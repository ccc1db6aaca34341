// SPDX-License-Identifier: Apache-2.0
#include "api/test_stack.h"
#include "event/record.h"

namespace vm0::api {
namespace {

constexpr const char* kAllowed =
    R"({"type":"vm0","event":"network","message":"m","method":"GET","host":"a.example:80",)"
    R"("path":"/x","status":200,"sent":1,"received":2,"ms":3})";
constexpr const char* kRefused =
    R"({"type":"vm0","event":"network","message":"m","method":"CONNECT","host":"b.example:443",)"
    R"("path":"","status":403,"sent":0,"received":0,"ms":0,"refusal":"no","times":7})";

class NetworkRoute : public testing::Test {
 protected:
  void Post(std::int64_t sequence, event::Source source, std::string_view json) {
    std::string record;
    event::AppendRecord(record, sequence, stack.clock.WallNow(), source, json);
    ASSERT_EQ(stack.PostRecords(record, run.token).status, 200);
  }
  std::string Get(const std::string& query = "") {
    return stack.Get("/api/agent/runs/" + run.id + "/network" + query, stack.alice).body;
  }

  Stack stack;
  Stack::ClaimedRun run = stack.ClaimAndStart();
};

TEST_F(NetworkRoute, GivesWhatVm0RecordedOfTheNetworkAndNothingElse) {
  EXPECT_EQ(Get(), R"({"entries":[],"nextSequence":0,"hasMore":false})");
  Post(1, event::Source::kAgent, kAllowed);  // an agent can't pass for vm0
  Post(2, event::Source::kVm0, kAllowed);
  Post(3, event::Source::kVm0, R"({"type":"vm0","event":"cancel","message":"m"})");
  Post(4, event::Source::kVm0, kRefused);
  Post(5, event::Source::kStdout, R"({"type":"stdout","text":"x"})");
  EXPECT_EQ(Get(),
            R"({"entries":[{"sequence":2,"createdAt":"2025-11-20T08:00:00.000Z","method":"GET",)"
            R"("host":"a.example:80","path":"/x","status":200,"sent":1,"received":2,"ms":3},)"
            R"({"sequence":4,"createdAt":"2025-11-20T08:00:00.000Z","method":"CONNECT",)"
            R"("host":"b.example:443","path":"","status":403,"sent":0,"received":0,"ms":0,)"
            R"("refusal":"no","times":7}],"nextSequence":5,"hasMore":false})");
}

TEST_F(NetworkRoute, APageEndsAtItsLimitAndTheNextBeginsThere) {
  for (int i = 1; i <= 3; ++i) Post(i, event::Source::kVm0, kAllowed);
  const auto first = ParseJsonObject(Get("?limit=2"), "page");
  EXPECT_EQ(ArrayMember(*first, "entries")->size(), 2u);
  EXPECT_EQ(first->at("nextSequence").as_int64(), 2);
  EXPECT_TRUE(first->at("hasMore").as_bool());
  const auto second = ParseJsonObject(Get("?since=2"), "page");
  EXPECT_EQ(ArrayMember(*second, "entries")->size(), 1u);
  EXPECT_FALSE(second->at("hasMore").as_bool());
}

TEST_F(NetworkRoute, IsTheOwnersAlone) {
  const std::string path = "/api/agent/runs/" + run.id + "/network";
  EXPECT_EQ(stack.Get(path, stack.bob).status, 404);
  EXPECT_EQ(stack.Get(path + "?limit=0", stack.alice).status, 400);
  EXPECT_EQ(stack.Get(path + "?since=9", stack.alice).status, 409);
}

}  // namespace
}  // namespace vm0::api
