// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_migrations.h"

#include <gtest/gtest.h>

#include "store/test_store.h"

namespace vm0::store {
namespace {

constexpr Migration kOne{1, "CREATE TABLE a (x); INSERT INTO a VALUES (7);"};
constexpr Migration kTwo{2, "CREATE TABLE b (y); INSERT INTO b SELECT x FROM a;"};

struct MigrationsTest : testing::Test {
  MigrationsTest() { connection = std::move(*SqliteConnection::Open(dir / "x.db")); }
  std::int64_t Number(const std::string& sql) {
    auto query = connection->Query(sql);
    EXPECT_TRUE(query.Step().value_or(false)) << sql;
    return query.Int(0);
  }

  TempDir dir;
  std::unique_ptr<SqliteConnection> connection;
};

TEST_F(MigrationsTest, AreNumberedFromOneWithoutGap) {
  ASSERT_FALSE(Migrations().empty());
  for (std::size_t i = 0; i < Migrations().size(); ++i) {
    EXPECT_EQ(Migrations()[i].version, static_cast<int>(i) + 1);
  }
}

TEST_F(MigrationsTest, BringAnEmptyDatabaseToTheNewestVersion) {
  EXPECT_EQ(*SchemaVersion(*connection), 0);
  ASSERT_TRUE(Migrate(*connection, Migrations()));
  EXPECT_EQ(*SchemaVersion(*connection), Migrations().back().version);
  ASSERT_TRUE(Migrate(*connection, Migrations()));  // again: nothing to do
  EXPECT_EQ(Number("SELECT count(*) FROM schema_version"), 1);
}

TEST_F(MigrationsTest, GoOnFromTheVersionThatThereIs) {
  const Migration both[] = {kOne, kTwo};
  ASSERT_TRUE(Migrate(*connection, std::span(both).first(1)));
  ASSERT_TRUE(connection->Execute("INSERT INTO a VALUES (8)"));
  ASSERT_TRUE(Migrate(*connection, both));
  EXPECT_EQ(*SchemaVersion(*connection), 2);
  EXPECT_EQ(Number("SELECT sum(y) FROM b"), 15);
}

TEST_F(MigrationsTest, LeaveTheVersionBeforeWhenAStepFails) {
  const Migration bad[] = {kOne, {2, "CREATE TABLE b (y); CREATE TABLE a (x);"}};
  const auto status = Migrate(*connection, bad);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("migration 2"), std::string::npos);
  EXPECT_EQ(*SchemaVersion(*connection), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
  const Migration good[] = {kOne, kTwo};
  EXPECT_TRUE(Migrate(*connection, good));
}

TEST_F(MigrationsTest, RefuseANewerDatabaseAndLeaveItAlone) {
  const Migration both[] = {kOne, kTwo};
  ASSERT_TRUE(Migrate(*connection, both));
  const auto status = Migrate(*connection, std::span(both).first(1));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_NE(status.error().message.find("newer vm0 (schema 2, this one knows 1)"),
            std::string::npos);
  EXPECT_EQ(*SchemaVersion(*connection), 2);
}

TEST_F(MigrationsTest, TheSchemaRefusesAnEndWithoutItsTimeAndEventsOfNoRun) {
  ASSERT_TRUE(Migrate(*connection, Migrations()));
  ASSERT_TRUE(connection->Execute("PRAGMA foreign_keys = ON"));
  EXPECT_FALSE(
      connection->Execute("INSERT INTO events (run_id, sequence, created_at, source, type, json) "
                          "VALUES (x'00', 1, 1, 'agent', 't', x'7b7d')"));
  EXPECT_FALSE(connection->Execute(
      "INSERT INTO runs VALUES (x'00', 'u', NULL, 'a', 'p', 'd', 'completed', '', '', x'', 0, '', "
      "1, 1, NULL, 1, NULL, NULL, NULL, NULL, NULL, '')"));
}

}  // namespace
}  // namespace vm0::store
