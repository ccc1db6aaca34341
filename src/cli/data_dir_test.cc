// SPDX-License-Identifier: Apache-2.0
#include "cli/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "cli/server_info.h"
#include "store/secret_box.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

const WallTime kNow{Micros{1'763'625'600'000'000}};

class DataDirTest : public testing::Test {
 protected:
  DataDirTest() {
    std::string name = testing::TempDir() + "data_dir_test_XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~DataDirTest() override { fs::remove_all(directory_); }

  static mode_t ModeOf(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777;
  }
  // One start of a server: its token, and whether the store knows it.
  std::pair<std::string, bool> TokenOfAStart() {
    asio::io_context loop;
    auto database = store::OpenSqlite((directory_ / "vm0.db").string(), loop.get_executor());
    EXPECT_TRUE(database) << database.error().message;
    std::string token;
    asio::co_spawn(loop, LoadAdminToken(directory_, **database, kNow),
                   [&](std::exception_ptr, Result<std::string> result) {
                     EXPECT_TRUE(result);
                     token = result.value_or("");
                   });
    loop.run();
    const auto row = (*database)->reader().runs.FindToken(store::HashToken(token));
    return {token, row && *row && (*row)->kind == store::Token::Kind::kAdmin};
  }

  fs::path directory_;
};

TEST_F(DataDirTest, IsTakenAwayFromOthers) {
  fs::permissions(directory_, fs::perms::all);
  ASSERT_TRUE(PrepareDataDir(directory_));
  EXPECT_EQ(ModeOf(directory_), 0700u);
  ASSERT_TRUE(PrepareDataDir(directory_ / "a/b"));
  EXPECT_EQ(ModeOf(directory_ / "a/b"), 0700u);
}

TEST_F(DataDirTest, AFileInItsPlaceIsAnErrorThatNamesIt) {
  ASSERT_TRUE(os::WriteFileAtomic(directory_ / "file", "x"));
  const Status status = PrepareDataDir(directory_ / "file");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("file"));
}

TEST_F(DataDirTest, OneServerHoldsTheLockAndSaysWho) {
  auto first = LockDataDir(directory_);
  ASSERT_TRUE(first && *first);
  auto second = LockDataDir(directory_);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
  EXPECT_EQ(LockHolder(directory_), "pid=" + std::to_string(::getpid()) + " vm0=" VM0_VERSION);
  first->reset();
  auto third = LockDataDir(directory_);
  EXPECT_TRUE(third && *third);
}

// A server that dies and leaves its lock to a child, which ends when somebody else tries to lock.
[[noreturn]] void DieWithAnHeir(const fs::path& data_dir) {
  const auto lock = LockDataDir(data_dir);
  const int opened = ::inotify_init1(IN_CLOEXEC);
  const bool watches = ::inotify_add_watch(opened, (data_dir / "lock").c_str(), IN_OPEN) >= 0;
  if (!lock || !*lock || !watches) ::_exit(1);
  if (::fork() == 0) {
    std::array<char, 4096> event{};
    ::_exit(::read(opened, event.data(), event.size()) > 0 ? 0 : 1);
  }
  ::_exit(0);
}

TEST_F(DataDirTest, TheLockOfAServerThatDiedWhileItStartedAProcessIsWaitedFor) {
  const pid_t server = ::fork();
  if (server == 0) DieWithAnHeir(directory_);
  int status = 0;
  ASSERT_EQ(::waitpid(server, &status, 0), server);
  ASSERT_EQ(status, 0);
  const auto lock = LockDataDir(directory_);
  EXPECT_TRUE(lock && *lock);
}

TEST_F(DataDirTest, TheAdminsTokenIsMadeOnceAndAlwaysKnownToTheStore) {
  const auto [token, known] = TokenOfAStart();
  EXPECT_THAT(token, StartsWith("vm0_live_"));
  EXPECT_TRUE(known);
  EXPECT_EQ(ModeOf(directory_ / "admin.token"), 0600u);
  EXPECT_EQ(TokenOfAStart(), std::pair(token, true));

  // A store that was thrown away, with the token still there.
  for (const char* name : {"vm0.db", "vm0.db-wal", "vm0.db-shm"}) fs::remove(directory_ / name);
  EXPECT_EQ(TokenOfAStart(), std::pair(token, true));

  // And the other way round.
  fs::remove(directory_ / "admin.token");
  const auto [other, other_known] = TokenOfAStart();
  EXPECT_NE(other, token);
  EXPECT_TRUE(other_known);
}

TEST_F(DataDirTest, MachineIdStaysTheSame) {
  const auto id = LoadMachineId(directory_, kNow);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->size(), 36u);
  EXPECT_EQ(*LoadMachineId(directory_, kNow + Seconds(1)), *id);
}

TEST_F(DataDirTest, APortThatIsNoneIsForgotten) {
  EXPECT_EQ(LoadPort(directory_), 0);
  ASSERT_TRUE(SavePort(directory_, 41234));
  EXPECT_EQ(LoadPort(directory_), 41234);
  for (const char* text : {"", "x", "-1", "0", "65536", "1 2"}) {
    ASSERT_TRUE(os::WriteFileAtomic(directory_ / "port", text));
    EXPECT_EQ(LoadPort(directory_), 0) << text;
  }
}

TEST_F(DataDirTest, ServerInfoIsAHintThatMayBeBroken) {
  EXPECT_FALSE(ReadServerInfo(directory_));
  ASSERT_TRUE(WriteServerInfo(
      directory_, {.pid = 7, .url = "http://x:1", .version = "1.2.3", .on_demand = true}));
  const auto info = ReadServerInfo(directory_);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->pid, 7);
  EXPECT_EQ(info->url, "http://x:1");
  EXPECT_EQ(info->version, "1.2.3");
  EXPECT_TRUE(info->on_demand);
  ASSERT_TRUE(os::WriteFileAtomic(ServerInfoPath(directory_), "{\"pid\":"));
  EXPECT_FALSE(ReadServerInfo(directory_));
}

}  // namespace
}  // namespace vm0::cli
