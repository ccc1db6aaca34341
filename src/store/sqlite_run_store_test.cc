// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_run_store.h"

#include <gtest/gtest.h>

#include "store/test_store.h"

namespace vm0::store {
namespace {

struct RunStoreTest : testing::Test {
  Status Insert(const store::Run& run) {
    return store.Write([run](Stores& s) { return s.runs.InsertRun(run); });
  }
  store::Run Find(RunId id) { return store.reader().runs.FindRun(id).value().value(); }

  TestStore store;
};

void ExpectEqual(const store::Run& a, const store::Run& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.user_id, b.user_id);
  EXPECT_EQ(a.agent_config_id, b.agent_config_id);
  EXPECT_EQ(a.agent_name, b.agent_name);
  EXPECT_EQ(a.provider, b.provider);
  EXPECT_EQ(a.dialect, b.dialect);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.prompt, b.prompt);
  EXPECT_EQ(a.spec, b.spec);
  EXPECT_EQ(a.secrets, b.secrets);
  EXPECT_EQ(a.external, b.external);
  EXPECT_EQ(a.machine, b.machine);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.cancel_requested_at, b.cancel_requested_at);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.started_at, b.started_at);
  EXPECT_EQ(a.completed_at, b.completed_at);
  EXPECT_EQ(a.error, b.error);
  EXPECT_EQ(a.result, b.result);
  EXPECT_EQ(a.error_code, b.error_code);
  EXPECT_EQ(a.usage, b.usage);
  EXPECT_EQ(a.max_attempts, b.max_attempts);
  EXPECT_EQ(a.held, b.held);
  EXPECT_EQ(a.last_failure, b.last_failure);
  EXPECT_EQ(a.idempotency_key, b.idempotency_key);
  EXPECT_EQ(a.request_hash, b.request_hash);
}

TEST_F(RunStoreTest, GivesBackEveryFieldOfARun) {
  AgentConfig config;
  config.id = ConfigId::New(TimeOf(1));
  config.user_id = "user";
  config.name = "mine";
  config.config = "{}";
  ASSERT_TRUE(store.Write([config](Stores& s) { return s.runs.UpsertConfig(config); }));
  store::Run run = MakeRun();
  run.agent_config_id = config.id;
  run.dialect = "plain";
  run.prompt = std::string("with\0nul and \xc3\xa4", 14);
  run.secrets = std::string("\0\xff\x01", 3);
  run.external = true;
  run.idempotency_key = "key";
  run.request_hash = "hash";
  run.max_attempts = 7;
  ASSERT_TRUE(Insert(run));
  ExpectEqual(Find(run.id), run);

  run.status = RunStatus::kTimeout;
  run.secrets.clear();
  run.machine = "m";
  run.attempt = 2;
  run.started = true;
  run.cancel_requested_at = TimeOf(2);
  run.started_at = TimeOf(3);
  run.completed_at = TimeOf(4);
  run.error = "";
  run.result = "{\"output\":\"x\"}";
  run.error_code = "SANDBOX_UNAVAILABLE";
  run.usage = "{\"oomKills\":1}";
  run.held = true;
  run.last_failure = "exit code 1";
  ASSERT_TRUE(store.Write([run](Stores& s) { return s.runs.UpdateRun(run); }));
  store.Reopen();
  ExpectEqual(Find(run.id), run);
}

TEST_F(RunStoreTest, UpdatesNoRunThatIsNotThere) {
  const store::Run run = MakeRun();
  const auto status = store.Write([run](Stores& s) { return s.runs.UpdateRun(run); });
  EXPECT_EQ(status.error().code, Code::kNotFound);
  EXPECT_FALSE(store.reader().runs.FindRun(run.id)->has_value());
}

TEST_F(RunStoreTest, KeepsAnIdempotencyKeyUniquePerUser) {
  store::Run first = MakeRun(1, "a");
  first.idempotency_key = "key";
  store::Run second = MakeRun(2, "a");
  second.idempotency_key = "key";
  store::Run foreign = MakeRun(3, "b");
  foreign.idempotency_key = "key";
  EXPECT_TRUE(Insert(first));
  EXPECT_EQ(Insert(second).error().code, Code::kConflict);
  EXPECT_TRUE(Insert(foreign));
  EXPECT_TRUE(Insert(MakeRun(4, "a")));  // without a key there is nothing to clash
  EXPECT_TRUE(Insert(MakeRun(5, "a")));
  EXPECT_EQ(store.reader().runs.FindRunByIdempotencyKey("a", "key").value()->id, first.id);
  EXPECT_FALSE(store.reader().runs.FindRunByIdempotencyKey("c", "key")->has_value());
}

TEST_F(RunStoreTest, ListsTheNewestFirstAndByEveryFilter) {
  std::vector<store::Run> runs;
  for (int i = 0; i < 6; ++i) {
    store::Run run = MakeRun(1000 + i, i < 4 ? "a" : "b");
    run.agent_name = i % 2 == 0 ? "even" : "odd";
    if (i == 1) run.status = RunStatus::kRunning;
    if (i == 2) run.status = RunStatus::kFailed, run.completed_at = TimeOf(9);
    ASSERT_TRUE(Insert(run));
    runs.push_back(run);
  }
  const auto list = [&](RunFilter filter) {
    std::vector<int> found;
    const auto listed = store.reader().runs.ListRuns(filter).value();
    for (const store::Run& run : listed) {
      found.push_back(static_cast<int>(run.created_at.time_since_epoch().count() - 1000));
    }
    return found;
  };
  using Numbers = std::vector<int>;
  RunFilter filter;
  EXPECT_EQ(list(filter), (Numbers{5, 4, 3, 2, 1, 0}));
  filter.limit = 2;
  EXPECT_EQ(list(filter), (Numbers{5, 4}));
  filter.limit = 50;
  filter.user_id = "a";
  EXPECT_EQ(list(filter), (Numbers{3, 2, 1, 0}));
  filter.statuses = {RunStatus::kRunning, RunStatus::kFailed, RunStatus::kRunning};
  EXPECT_EQ(list(filter), (Numbers{2, 1}));
  filter.agent_name = "odd";
  EXPECT_EQ(list(filter), (Numbers{1}));
  filter = {};
  filter.created_since = TimeOf(1001);
  filter.created_until = TimeOf(1004);
  EXPECT_EQ(list(filter), (Numbers{4, 3, 2, 1}));
  filter.user_id = "b' OR 1 --";
  EXPECT_EQ(list(filter), Numbers{});
  filter = {};
  filter.before = store.reader().runs.ListRuns(filter)->at(2).id;
  EXPECT_EQ(list(filter), (Numbers{2, 1, 0}));
  filter.before = RunId::New(TimeOf(9));  // none that there is
  EXPECT_EQ(list(filter), Numbers{});
}

TEST_F(RunStoreTest, UnfinishedRunsAreThoseOfThatMachine) {
  for (int i = 0; i < 4; ++i) {
    store::Run run = MakeRun(i + 1);
    run.status = i == 2 ? RunStatus::kFailed : RunStatus::kRunning;
    if (i == 2) run.completed_at = TimeOf(9);
    run.machine = i == 3 ? "other" : "m";
    run.attempt = 1;
    ASSERT_TRUE(Insert(run));
  }
  ASSERT_TRUE(Insert(MakeRun(7)));  // pending: of no machine
  const auto runs = store.reader().runs.UnfinishedRunsOf("m").value();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_LT(runs[0].created_at, runs[1].created_at);
  EXPECT_TRUE(store.reader().runs.UnfinishedRunsOf("")->empty());
}

TEST_F(RunStoreTest, ReplacesAConfigOfTheSameUserAndName) {
  AgentConfig config;
  config.id = ConfigId::New(TimeOf(1));
  config.user_id = "a";
  config.name = "n";
  config.config = "1";
  config.created_at = config.updated_at = TimeOf(1);
  const auto upsert = [&](AgentConfig c) {
    return store.Write([c](Stores& s) { return s.runs.UpsertConfig(c); }).value();
  };
  EXPECT_TRUE(upsert(config).created);
  AgentConfig second = config;
  second.id = ConfigId::New(TimeOf(2));
  second.config = "2";
  second.created_at = second.updated_at = TimeOf(2);
  const auto again = upsert(second);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.config.id, config.id);
  EXPECT_EQ(again.config.created_at, TimeOf(1));
  const auto found = store.reader().runs.FindConfigByName("a", "n").value();
  EXPECT_EQ(found->config, "2");
  EXPECT_EQ(found->updated_at, TimeOf(2));
  second.user_id = "b";
  EXPECT_TRUE(upsert(second).created);
  EXPECT_FALSE(store.reader().runs.FindConfig("b", config.id)->has_value());
  EXPECT_EQ(store.reader().runs.FindConfig("a", config.id).value()->config, "2");
}

struct TokenTest : RunStoreTest {
  Token Make(const std::string& hash, const std::string& user) {
    Token token;
    token.id = TokenId::New(TimeOf(1));
    token.hash = hash;
    token.user_id = user;
    token.name = "for people";
    token.created_at = TimeOf(1);
    return token;
  }
  Status Put(const Token& token) {
    return store.Write([token](Stores& s) { return s.runs.InsertToken(token); });
  }
  bool Has(const std::string& hash) { return store.reader().runs.FindToken(hash)->has_value(); }
};

TEST_F(TokenTest, AreFoundByHashWithAllTheirFields) {
  const store::Run run = InsertRunning(store);
  Token token = Make("h", "a");
  token.kind = Token::Kind::kRun;
  token.host_scope = true;
  token.run_id = run.id;
  token.attempt = 3;
  token.expires_at = TimeOf(5);
  ASSERT_TRUE(Put(token));
  const auto found = store.reader().runs.FindToken("h").value().value();
  EXPECT_EQ(found.id, token.id);
  EXPECT_EQ(found.kind, Token::Kind::kRun);
  EXPECT_EQ(found.user_id, "a");
  EXPECT_EQ(found.name, "for people");
  EXPECT_TRUE(found.host_scope);
  EXPECT_EQ(found.run_id, run.id);
  EXPECT_EQ(found.attempt, 3);
  EXPECT_EQ(found.created_at, TimeOf(1));
  EXPECT_EQ(found.expires_at, TimeOf(5));
  EXPECT_TRUE(store.reader().runs.ListTokens("a")->empty());  // run tokens are not for people
  EXPECT_EQ(Put(token).error().code, Code::kConflict);
}

TEST_F(TokenTest, AreRemovedByTheirOwnerOrByAnybodyWithoutAName) {
  const Token one = Make("1", "a");
  const Token two = Make("2", "a");
  ASSERT_TRUE(Put(one));
  ASSERT_TRUE(Put(two));
  const auto remove = [&](std::string user, TokenId id) {
    return store.Write([user, id](Stores& s) { return s.runs.RemoveToken(user, id); }).value();
  };
  EXPECT_FALSE(remove("b", one.id));
  EXPECT_EQ(store.reader().runs.ListTokens("a")->size(), 2u);
  EXPECT_TRUE(remove("a", one.id));
  EXPECT_FALSE(remove("a", one.id));
  EXPECT_TRUE(remove("", two.id));
}

TEST_F(TokenTest, AreRemovedAfterTheyExpired) {
  const store::Run run = InsertRunning(store);
  Token of_run = Make("run", "a");
  of_run.kind = Token::Kind::kRun;
  of_run.run_id = run.id;
  Token dated = Make("dated", "a");
  dated.expires_at = TimeOf(9);
  ASSERT_TRUE(Put(of_run));
  ASSERT_TRUE(Put(dated));
  ASSERT_TRUE(Put(Make("forever", "a")));
  const auto expire = [&](std::int64_t now) {
    ASSERT_TRUE(store.Write([now](Stores& s) { return s.runs.RemoveExpiredTokens(TimeOf(now)); }));
  };
  expire(9);
  EXPECT_TRUE(Has("run") && Has("dated") && Has("forever"));
  expire(10);
  EXPECT_TRUE(Has("run") && !Has("dated") && Has("forever"));
  const auto id = run.id;
  ASSERT_TRUE(store.Write([id](Stores& s) { return s.runs.ExpireRunTokens(id, TimeOf(20)); }));
  expire(21);
  EXPECT_TRUE(!Has("run") && Has("forever"));
}

TEST_F(RunStoreTest, KeepsOneSecretForEachUserAndName) {
  const auto put = [this](const std::string& user, const std::string& name,
                          const std::string& sealed, int second) {
    const StoredSecret secret{user, name, sealed, WallTime(Seconds(second))};
    return store.Write([secret](Stores& s) { return s.runs.PutSecret(secret); });
  };
  const std::string bytes("\x00\xff sealed", 9);
  EXPECT_TRUE(put("alice", "B", "old", 1));
  EXPECT_TRUE(put("alice", "B", bytes, 2));
  EXPECT_TRUE(put("alice", "A", "other", 3));
  EXPECT_TRUE(put("bob", "B", "bobs", 4));
  RunStore& runs = store.reader().runs;
  EXPECT_EQ(runs.FindSecret("alice", "B").value()->sealed, bytes);
  EXPECT_EQ(runs.FindSecret("alice", "B").value()->updated_at, WallTime(Seconds(2)));
  EXPECT_FALSE(runs.FindSecret("bob", "A").value());
  const auto listed = runs.ListSecrets("alice").value();
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].name, "A");
  EXPECT_EQ(listed[1].name, "B");
  EXPECT_EQ(listed[1].sealed, "");
}

TEST_F(RunStoreTest, RemovesASecretOnce) {
  const StoredSecret secret{"alice", "A", "sealed", WallTime()};
  ASSERT_TRUE(store.Write([secret](Stores& s) { return s.runs.PutSecret(secret); }));
  std::vector<bool> removed;
  for (const char* user : {"bob", "alice", "alice"}) {
    ASSERT_TRUE(store.Write([&removed, user](Stores& s) -> Status {
      VM0_ASSIGN(const bool there, s.runs.RemoveSecret(user, "A"));
      removed.push_back(there);
      return {};
    }));
  }
  EXPECT_EQ(removed, (std::vector<bool>{false, true, false}));
}

}  // namespace
}  // namespace vm0::store
