// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/test_store.h"

namespace vm0::store {
namespace {

struct SqliteTest : testing::Test {
  SqliteTest() {
    connection = std::move(*SqliteConnection::Open(dir / "x.db"));
    EXPECT_TRUE(connection->Execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value UNIQUE)"));
  }
  Status Insert(std::string_view blob) {
    return connection->Query("INSERT INTO t (value) VALUES (?)").BindBlob(blob).Run();
  }

  TempDir dir;
  std::unique_ptr<SqliteConnection> connection;
};

TEST_F(SqliteTest, KeepsBytesAsTheyAre) {
  const std::string bytes("a\0b\xff", 4);
  ASSERT_TRUE(Insert(bytes));
  ASSERT_TRUE(Insert(std::string_view()));
  auto query = connection->Query("SELECT value FROM t ORDER BY id");
  ASSERT_TRUE(*query.Step());
  EXPECT_EQ(query.Text(0), bytes);
  ASSERT_TRUE(*query.Step());
  EXPECT_FALSE(query.IsNull(0));  // empty, not absent
  EXPECT_EQ(query.Text(0), "");
  EXPECT_FALSE(*query.Step());
}

TEST_F(SqliteTest, TellsAbsentFromEmptyAndZero) {
  auto query = connection->Query("SELECT ?, ?, ?, ?");
  query.Bind(std::optional<std::string>()).Bind(std::string_view());
  query.Bind(std::optional<int>()).Bind(std::optional<int>(0));
  ASSERT_TRUE(*query.Step());
  EXPECT_EQ(query.OptionalText(0), std::nullopt);
  EXPECT_EQ(query.OptionalText(1), "");
  EXPECT_TRUE(query.IsNull(2));
  EXPECT_FALSE(query.IsNull(3));
}

TEST_F(SqliteTest, SaysConflictOfAUniqueConstraintOnly) {
  ASSERT_TRUE(Insert("x"));
  EXPECT_EQ(Insert("x").error().code, Code::kConflict);
  const auto missing = connection->Query("SELECT * FROM missing").Step();
  EXPECT_EQ(missing.error().code, Code::kIo);
  EXPECT_NE(missing.error().message.find("no such table"), std::string::npos);
  EXPECT_NE(missing.error().message.find("x.db"), std::string::npos);
}

TEST_F(SqliteTest, GivesAStatementBackWithoutItsBindingsAndItsSnapshot) {
  ASSERT_TRUE(Insert("a"));
  ASSERT_TRUE(Insert("b"));
  for (int round = 0; round < 2; ++round) {
    auto query = connection->Query("SELECT id FROM t WHERE id > ? ORDER BY id");
    query.Bind(0);
    ASSERT_TRUE(*query.Step());
    EXPECT_EQ(query.Int(0), 1);  // in the middle of its rows when it goes
  }
  EXPECT_TRUE(connection->Execute("DROP TABLE t"));  // refused while a statement reads
}

TEST_F(SqliteTest, NamesAFileThatIsNoDatabase) {
  std::ofstream(dir / "text.db") << std::string(8192, 'x');
  auto other = SqliteConnection::Open(dir / "text.db");
  ASSERT_TRUE(other);
  const auto status = (*other)->Execute("SELECT * FROM sqlite_schema");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("not a database; move the file away"), std::string::npos)
      << status.error().message;
}

}  // namespace
}  // namespace vm0::store
