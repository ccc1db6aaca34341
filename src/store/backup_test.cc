// SPDX-License-Identifier: Apache-2.0
#include "store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/inspect.h"
#include "store/sqlite.h"
#include "store/test_store.h"

namespace vm0::store {
namespace {

using testing::HasSubstr;

const std::string kDatabase = "the database\nof 3\nlines";

BackupHeader Header() {
  return {.created_at = "2025-11-20T08:00:00.000Z",
          .vm0 = "0.1.0",
          .machine = "m",
          .secret_key = std::string("\0\xff k", 4),
          .database_bytes = static_cast<std::int64_t>(kDatabase.size())};
}

std::string WholeBackup() {
  std::string text = FormatBackupHeader(Header()) + kDatabase;
  Digest digest;
  digest.Add(text);
  return text + FormatBackupEnd(digest);
}

struct Read {
  std::string database;
  std::optional<BackupHeader> header;
  std::string error;
};

Read ReadInPieces(std::string_view backup, std::size_t piece) {
  BackupCheck check;
  Read read;
  for (std::size_t at = 0; at < backup.size(); at += piece) {
    const auto database = check.Take(backup.substr(at, piece));
    if (!database) {
      read.error = database.error().message;
      return read;
    }
    read.database += *database;
  }
  if (const Status whole = check.Finish(); !whole) read.error = whole.error().message;
  read.header = check.header();
  return read;
}

TEST(Backup, IsReadInWhateverPiecesItComes) {
  const std::string backup = WholeBackup();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, backup.size()}) {
    const Read read = ReadInPieces(backup, piece);
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.database, kDatabase);
    EXPECT_EQ(read.header->secret_key, Header().secret_key);
    EXPECT_EQ(read.header->machine, "m");
  }
}

TEST(Backup, ThatIsCutOffAnywhereIsNone) {
  const std::string backup = WholeBackup();
  for (std::size_t size = 0; size < backup.size(); ++size)
    EXPECT_NE(ReadInPieces(std::string_view(backup).substr(0, size), 16).error, "") << size;
}

TEST(Backup, WithAnyByteChangedIsNone) {
  const std::string backup = WholeBackup();
  for (std::size_t at = 0; at < backup.size(); ++at) {
    std::string changed = backup;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_NE(ReadInPieces(changed, 64).error, "") << at;
  }
  EXPECT_THAT(ReadInPieces(backup + "x", 64).error, HasSubstr("added to its end"));
}

TEST(Backup, WhoseHeaderDoesNotEndTakesNoMemory) {
  BackupCheck check;
  const std::string piece(1 << 20, 'x');
  ASSERT_TRUE(check.Take("vm0-backup v=1\n"));
  const auto refused = check.Take(piece);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("header does not end"));
}

// A copy as a file with a name.
std::string SaveAs(const std::filesystem::path& path, const os::Fd& copy) {
  std::ofstream out(path, std::ios::binary);
  char buffer[4096];
  ssize_t count = 0;
  for (off_t at = 0; (count = ::pread(copy.get(), buffer, sizeof buffer, at)) > 0; at += count)
    out.write(buffer, count);
  return path;
}

TEST(Copy, HoldsWhatWasCommittedWhenItBegan) {
  TestStore store;
  InsertRunning(store);
  const auto copy = Await(store.loop, store.database->Copy({}));
  ASSERT_TRUE(copy) << copy.error().message;
  InsertRunning(store);
  const std::string path = SaveAs(store.dir / "copy.db", *copy);
  const auto facts = InspectDatabase(path);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->runs, 1);
  EXPECT_FALSE(std::filesystem::exists(store.path() + ".copy"));
}

TEST(Copy, IsMadeOneAtATime) {
  TestStore store;
  std::vector<bool> done;
  const auto note = [&](const Result<os::Fd>& copy) { done.push_back(copy.has_value()); };
  store.database->StartCopy({}, note);
  store.database->StartCopy({}, note);
  store.loop.restart();
  store.loop.run();
  EXPECT_THAT(done, testing::UnorderedElementsAre(true, false));
}

TEST(Copy, IsGivenUpWhenAsked) {
  TestStore store;
  std::stop_source stop;
  stop.request_stop();
  const auto copy = Await(store.loop, store.database->Copy(stop.get_token()));
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code, Code::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(store.path() + ".copy"));
  EXPECT_TRUE(Await(store.loop, store.database->Copy({})));
}

TEST(Inspect, RefusesADatabaseThatIsDamagedOrNotOurs) {
  TestStore store;
  for (int i = 0; i < 50; ++i) InsertRunning(store);
  const auto copy = Await(store.loop, store.database->Copy({}));
  const std::string path = SaveAs(store.dir / "copy.db", *copy);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(3 * 4096);
    file << std::string(4096, '\xff');
  }
  EXPECT_THAT(InspectDatabase(path).error().message, HasSubstr("is damaged"));
  EXPECT_THAT(InspectDatabase(store.dir / "new.db").error().message, HasSubstr("not one of vm0"));
  std::ofstream(store.dir / "text.db") << std::string(5000, 'x');
  EXPECT_EQ(InspectDatabase(store.dir / "text.db").error().code, Code::kBadRequest);
}

TEST(Inspect, BlamesNoBackupForWhatIsWrongElsewhere) {
  TestStore store;
  const auto copy = Await(store.loop, store.database->Copy({}));
  const std::string path = SaveAs(store.dir / "copy.db", *copy);
  const auto user = SqliteConnection::Open(path);
  ASSERT_TRUE((*user)->Execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"));
  const auto facts = InspectDatabase(path);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().code, Code::kIo);
  EXPECT_THAT(facts.error().message, HasSubstr("locked"));
}

TEST(Inspect, RefusesADatabaseOfANewerVersion) {
  TestStore store;
  const auto copy = Await(store.loop, store.database->Copy({}));
  const std::string path = SaveAs(store.dir / "copy.db", *copy);
  {
    const auto connection = SqliteConnection::Open(path);
    ASSERT_TRUE((*connection)->Execute("UPDATE schema_version SET version = 9999"));
  }
  const auto facts = InspectDatabase(path);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().code, Code::kConflict);
  EXPECT_THAT(facts.error().message, HasSubstr("newer vm0"));
}

}  // namespace
}  // namespace vm0::store
