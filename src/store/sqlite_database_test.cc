// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_database.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <latch>
#include <thread>

#include "store/test_store.h"

namespace vm0::store {
namespace {

// A work that appends a user; groups are seen through what they leave in the table.
struct DatabaseTest : testing::Test {
  DatabaseTest() { run = InsertRunning(store).id; }

  Database::Work AppendOf(std::int64_t first, std::int64_t last) {
    return [id = run, body = BodyOf(first, last)](Stores& s) -> Status {
      VM0_ASSIGN(const auto records, event::ParseRecords(body));
      VM0_TRY(s.events.Append(id, records));
      return {};
    };
  }
  Database::Done Note(int number) {
    return [this, number](Status status) {
      done.push_back(number);
      if (!status) failed.emplace_back(number, status.error().code);
    };
  }
  // Runs until nothing is under way.
  void Drain() {
    store.loop.restart();
    store.loop.run();
  }
  std::int64_t Last() { return store.reader().events.LastSequence(run).value(); }
  Database::Stats Since(const Database::Stats& before) {
    const auto now = store.database->stats();
    return {now.works - before.works, now.commits - before.commits,
            now.inline_commits - before.inline_commits};
  }

  TestStore store;
  RunId run;
  std::vector<int> done;
  std::vector<std::pair<int, Code>> failed;
};

TEST_F(DatabaseTest, CommitsWorkThatIsAloneOnTheLoopThread) {
  const auto before = store.database->stats();
  std::thread::id ran_on;
  store.database->Submit(
      [&](Stores&) {
        ran_on = std::this_thread::get_id();
        return Status{};
      },
      Note(1));
  EXPECT_TRUE(done.empty());  // never inside of Submit
  Drain();
  EXPECT_EQ(done, std::vector{1});
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_EQ(Since(before).inline_commits, 1u);
}

TEST_F(DatabaseTest, WorkOfOneTurnSharesOneCommit) {
  const auto before = store.database->stats();
  for (int i = 1; i <= 64; ++i) store.database->Submit(AppendOf(i, i), Note(i));
  Drain();
  EXPECT_EQ(done.size(), 64u);
  EXPECT_TRUE(failed.empty());
  EXPECT_EQ(Last(), 64);
  const auto stats = Since(before);
  EXPECT_EQ(stats.works, 64u);
  EXPECT_EQ(stats.commits, 1u);
  EXPECT_EQ(stats.inline_commits, 0u);
}

TEST_F(DatabaseTest, WorkThatComesDuringACommitSharesTheNext) {
  const auto before = store.database->stats();
  std::latch begun(1);
  std::latch go_on(1);
  store.database->Submit(
      [&](Stores&) {
        begun.count_down();
        go_on.wait();
        return Status{};
      },
      Note(1));
  store.database->Submit(AppendOf(1, 1), Note(2));
  store.loop.restart();
  store.loop.poll();
  begun.wait();  // the committer thread is in the middle
  for (int i = 2; i <= 40; ++i) {
    store.database->Submit(AppendOf(i, i), Note(i + 1));
    store.loop.poll();  // each in a turn of its own
  }
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(Last(), 0);
  go_on.count_down();
  Drain();
  EXPECT_EQ(Last(), 40);
  EXPECT_EQ(Since(before).commits, 2u);
  EXPECT_TRUE(std::ranges::is_sorted(done));
}

TEST_F(DatabaseTest, RunsAndAnswersInTheOrderOfSubmitHoweverItCommits) {
  std::vector<int> ran;
  int next = 0;
  const auto submit = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const int number = next++;
      store.database->Submit(
          [&ran, number](Stores&) {
            ran.push_back(number);
            return Status{};
          },
          Note(number));
    }
  };
  for (int count : {1, 3, 1, 1, 7, 1, 2, 1}) {
    submit(count);
    store.loop.restart();
    store.loop.poll();
  }
  Drain();
  std::vector<int> expected(static_cast<std::size_t>(next));
  for (int i = 0; i < next; ++i) expected[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(ran, expected);
  EXPECT_EQ(done, expected);
}

TEST_F(DatabaseTest, WorkThatFailsHarmsNoneOfItsGroup) {
  store.database->Submit(AppendOf(1, 2), Note(1));
  store.database->Submit(
      [append = AppendOf(3, 4)](Stores& s) -> Status {
        VM0_TRY(append(s));
        return Fail(Code::kConflict, "changed my mind");
      },
      Note(2));
  store.database->Submit(AppendOf(9, 9), Note(3));  // a gap
  store.database->Submit(AppendOf(3, 3), Note(4));  // 3 and 4 of the second work are not there
  Drain();
  EXPECT_EQ(done, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(failed,
            (std::vector<std::pair<int, Code>>{{2, Code::kConflict}, {3, Code::kSequenceGap}}));
  EXPECT_EQ(Last(), 3);
}

TEST_F(DatabaseTest, AloneAFailingWorkLeavesNothing) {
  store.database->Submit(
      [append = AppendOf(1, 2)](Stores& s) -> Status {
        VM0_TRY(append(s));
        return Fail(Code::kConflict, "no");
      },
      Note(1));
  Drain();
  EXPECT_EQ(failed.size(), 1u);
  EXPECT_EQ(Last(), 0);
}

TEST_F(DatabaseTest, DoneMaySubmitMore) {
  int rounds = 0;
  std::function<void(Status)> again = [&](Status) {
    ++rounds;
    if (rounds < 5) store.database->Submit([](Stores&) { return Status{}; }, again);
  };
  store.database->Submit([](Stores&) { return Status{}; }, again);
  store.database->Submit([](Stores&) { return Status{}; }, [](Status) {});
  Drain();
  EXPECT_EQ(rounds, 5);
}

TEST_F(DatabaseTest, CommitsWhatWasSubmittedWhenItIsDestroyed) {
  store.database->Submit(AppendOf(1, 1), Note(1));
  store.database->Submit(AppendOf(2, 2), Note(2));
  store.loop.restart();
  store.loop.poll_one();  // both go to the committer thread
  store.database->Submit(AppendOf(3, 3), Note(3));
  store.Reopen();
  EXPECT_EQ(Last(), 3);
  Drain();
  EXPECT_EQ(done, (std::vector{1, 2, 3}));
  EXPECT_TRUE(failed.empty());
}

asio::awaitable<void> WriteOnce(Database& database, Database::Work append, bool& returned) {
  std::function<Status(Stores&)> work = std::move(append);
  const auto status = co_await database.Write<void>(std::move(work));
  EXPECT_TRUE(status);
  returned = true;
}

TEST_F(DatabaseTest, ACancelledCoroutinesWorkRunsToItsEnd) {
  asio::cancellation_signal cancel;
  bool returned = false;
  asio::co_spawn(store.loop, WriteOnce(*store.database, AppendOf(1, 1), returned),
                 asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  store.loop.restart();
  store.loop.run_one();  // it has submitted
  store.database->Submit(AppendOf(2, 2), Note(1));
  cancel.emit(asio::cancellation_type::terminal);
  Drain();
  EXPECT_EQ(Last(), 2);
  EXPECT_TRUE(returned);
}

TEST_F(DatabaseTest, ADestroyedCoroutinesWorkRunsToItsEnd) {
  // The handlers, and with them the coroutine, go with the queue of the loop.
  bool returned = false;
  auto loop = std::make_unique<asio::io_context>();
  TempDir dir;
  const std::string path = dir / "x.db";
  const auto made = MakeRun();
  {
    auto database = std::move(*OpenSqlite(path, loop->get_executor()));
    const auto insert = [made](Stores& s) { return s.runs.InsertRun(made); };
    asio::co_spawn(*loop, WriteOnce(*database, insert, returned), asio::detached);
    loop->run_one();  // it has submitted
    database.reset();
    loop.reset();
  }
  EXPECT_FALSE(returned);
  asio::io_context other;
  auto database = std::move(*OpenSqlite(path, other.get_executor()));
  EXPECT_TRUE(database->reader().runs.FindRun(made.id)->has_value());
}

// The disk is full for this process, until destroyed.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

// The event fits into the page cache, so that it is COMMIT that fails.
TEST_F(DatabaseTest, AFailedCommitStoresNothingOfItsGroupAndTheDatabaseGoesOn) {
  std::string big;
  event::AppendRecord(big, 2, TimeOf(2), event::Source::kAgent,
                      "{\"t\":\"" + std::string(1 << 20, 'x') + "\"}");
  const auto append_big = [id = run, big](Stores& s) -> Status {
    const auto records = event::ParseRecords(big);
    VM0_TRY(s.events.Append(id, *records));
    return {};
  };
  const auto log_size = std::filesystem::file_size(store.path() + "-wal");
  for (int round = 0; round < 2; ++round) {
    const FileSizeLimit full(log_size + (256 << 10));
    failed.clear();
    const auto before = store.database->stats();
    store.database->Submit(AppendOf(1, 1), Note(1));
    store.database->Submit(append_big, Note(2));
    store.database->Submit(AppendOf(9, 9), Note(3));  // would have failed anyway
    Drain();
    ASSERT_EQ(failed.size(), 3u);
    for (const auto& [number, code] : failed) EXPECT_EQ(code, Code::kIo) << number;
    EXPECT_EQ(Since(before).commits, 0u);
    EXPECT_EQ(Last(), 0);
  }
  failed.clear();
  store.database->Submit(AppendOf(1, 1), Note(4));
  Drain();
  store.database->Submit(append_big, Note(5));
  Drain();
  EXPECT_TRUE(failed.empty());
  EXPECT_EQ(Last(), 2);
  store.Reopen();
  EXPECT_EQ(Last(), 2);
}

TEST_F(DatabaseTest, ReadsWhatIsCommittedAndNothingElse) {
  std::int64_t seen_inside = -1;
  store.database->Submit(
      [&, append = AppendOf(1, 3)](Stores& s) -> Status {
        VM0_TRY(append(s));
        seen_inside = Last();
        return {};
      },
      Note(1));
  Drain();
  EXPECT_EQ(seen_inside, 0);
  EXPECT_EQ(Last(), 3);
  EXPECT_FALSE(store.reader().runs.InsertRun(MakeRun()));  // the reader can not write
}

TEST_F(DatabaseTest, ASecondServerIsRefusedNamingTheHolder) {
  asio::io_context loop;
  const auto second = OpenSqlite(store.path(), loop.get_executor());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_NE(second.error().message.find("pid=" + std::to_string(::getpid())), std::string::npos)
      << second.error().message;
  store.database.reset();
  EXPECT_TRUE(OpenSqlite(store.path(), loop.get_executor()));
}

TEST_F(DatabaseTest, ANewerSchemaIsRefused) {
  store.database.reset();
  {
    auto connection = SqliteConnection::Open(store.path());
    ASSERT_TRUE((*connection)->Execute("UPDATE schema_version SET version = 999"));
  }
  asio::io_context loop;
  const auto opened = OpenSqlite(store.path(), loop.get_executor());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kConflict);
  EXPECT_NE(opened.error().message.find("newer vm0"), std::string::npos);
}

TEST_F(DatabaseTest, AFileThatIsNoDatabaseIsRefused) {
  const auto path = store.dir / "other.db";
  FILE* file = std::fopen(path.c_str(), "w");
  for (int i = 0; i < 1000; ++i) std::fputs("not a database\n", file);
  std::fclose(file);
  asio::io_context loop;
  const auto opened = OpenSqlite(path, loop.get_executor());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("not a database"), std::string::npos)
      << opened.error().message;
}

TEST_F(DatabaseTest, ItsFilesAreForTheirOwnerOnlyAndItsCommitsAreDurable) {
  for (const std::string suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat found {};
    ASSERT_EQ(::stat((store.path() + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 0777, 0600u) << suffix;
  }
  auto connection = SqliteConnection::Open(store.path());
  auto mode = (*connection)->Query("PRAGMA journal_mode");
  ASSERT_TRUE(*mode.Step());
  EXPECT_EQ(mode.Text(0), "wal");
}

}  // namespace
}  // namespace vm0::store
