// SPDX-License-Identifier: Apache-2.0
// A process that writes is killed at a fault point; another opens what it left.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "os/process.h"
#include "store/test_store.h"

namespace vm0::store {
namespace {

constexpr int kAckFd = 3;
constexpr int kGroups = 20;

RunId IdOf(int number) {
  RunId id;
  id.uuid.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

Status AppendTo(Stores& stores, int run, std::int64_t first) {
  const std::string body = BodyOf(first, first + 2);
  const auto records = event::ParseRecords(body);
  VM0_TRY(stores.events.Append(IdOf(run), *records));
  return {};
}

// The process that dies: appends three events to each of `runs` runs, group after group, and says
// how each group was answered. What failed is sent again, once. Commit 1 inserts the runs.
class Writer {
 public:
  Writer(const std::string& path, int runs) : runs_(runs) {
    auto opened = OpenSqlite(path, loop_.get_executor());
    EXPECT_TRUE(opened) << opened.error().message;
    database_ = std::move(*opened);
  }
  void WriteAll() {
    Commit({[runs = runs_](Stores& stores) { return InsertRuns(stores, runs); }});
    for (int group = 0; group < kGroups; ++group) {
      std::vector<Database::Work> works;
      for (int i = 0; i < runs_; ++i) {
        works.push_back(
            [i, first = group * 3 + 1](Stores& stores) { return AppendTo(stores, i, first); });
      }
      if (!Commit(works)) Commit(works);
    }
  }

 private:
  static Status InsertRuns(Stores& stores, int count) {
    for (int i = 0; i < count; ++i) {
      Run run = MakeRun();
      run.id = IdOf(i);
      VM0_TRY(stores.runs.InsertRun(run));
    }
    return {};
  }
  bool Commit(const std::vector<Database::Work>& works) {
    int stored = 0;
    for (const auto& work : works) {
      database_->Submit(work, [&](Status status) { stored += status.has_value(); });
    }
    loop_.restart();
    loop_.run();
    EXPECT_TRUE(stored == 0 || stored == static_cast<int>(works.size()));
    const char answer = stored > 0 ? 'y' : 'n';
    EXPECT_EQ(::write(kAckFd, &answer, 1), 1);
    return stored > 0;
  }

  asio::io_context loop_;
  const int runs_;
  std::unique_ptr<Database> database_;
};

constexpr const char* kWriterMode = "write";

struct Crash : testing::Test {
  void StartAnew() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  }
  // Runs the writer with that fault; what it acknowledged.
  std::string Run(const std::string& fault, int runs) {
    auto pipe = os::MakePipe();
    os::SpawnOptions options;
    options.executable = std::filesystem::read_symlink("/proc/self/exe");
    options.argv = {options.executable, kWriterMode, path, std::to_string(runs)};
    options.environment = {{"VM0_FAULT", fault}};
    options.descriptors = {{kAckFd, pipe->write.get()}, {2, 2}};
    auto child = os::Spawn(options);
    EXPECT_TRUE(child) << child.error().message;
    pipe->write.Close();
    std::string acknowledged;
    char byte = 0;
    while (::read(pipe->read.get(), &byte, 1) == 1) acknowledged += byte;
    exit = os::Wait(child->pid).value();
    return acknowledged;
  }
  // The last number of each run, which must be the same: they share commits.
  std::int64_t LastOfAll(int runs) {
    asio::io_context loop;
    auto database = OpenSqlite(path, loop.get_executor());
    EXPECT_TRUE(database) << database.error().message;
    EventLog& events = (*database)->reader().events;
    const std::int64_t last = events.LastSequence(IdOf(0)).value();
    for (int i = 0; i < runs; ++i) {
      EXPECT_EQ(events.LastSequence(IdOf(i)).value(), last);
      const auto stored = events.Read(IdOf(i), 0, 1000, 1 << 30).value();
      EXPECT_EQ(static_cast<std::int64_t>(stored.size()), last);
      for (std::size_t n = 0; n < stored.size(); ++n) {
        EXPECT_EQ(stored[n].json, JsonOf(static_cast<std::int64_t>(n) + 1));
      }
    }
    return last;
  }

  TempDir dir;
  const std::string path = dir / "vm0.db";
  os::ExitStatus exit;
};

TEST_F(Crash, BeforeTheCommitWhatWasAcknowledgedIsThereAndTheRestIsNot) {
  for (const int runs : {1, 5}) {  // inline, and on the committer thread
    StartAnew();
    const std::string acknowledged = Run("store.commit:crash@7", runs);
    EXPECT_EQ(exit.signal, SIGKILL);
    EXPECT_EQ(acknowledged, "yyyyyy");  // the runs, and five groups
    EXPECT_EQ(LastOfAll(runs), 5 * 3);
  }
}

TEST_F(Crash, AfterTheCommitItIsWholeThoughNobodyWasTold) {
  for (const int runs : {1, 5}) {
    StartAnew();
    const std::string acknowledged = Run("store.committed:crash@7", runs);
    EXPECT_EQ(exit.signal, SIGKILL);
    EXPECT_EQ(acknowledged, "yyyyyy");
    EXPECT_EQ(LastOfAll(runs), 6 * 3);
  }
}

TEST_F(Crash, AnyTimeTheSequenceGoesOnWhereItWas) {
  Run("store.committed:crash@4", 3);
  const std::int64_t last = LastOfAll(3);
  asio::io_context loop;
  auto database = OpenSqlite(path, loop.get_executor());
  Status status = Fail(Code::kInternal, "not called");
  // The writer comes back, and sends again what it got no answer for, and what follows.
  (*database)->Submit(
      [last](Stores& stores) -> Status {
        VM0_TRY(AppendTo(stores, 0, last - 2));
        return AppendTo(stores, 0, last + 1);
      },
      [&](Status s) { status = std::move(s); });
  loop.run();
  EXPECT_TRUE(status);
  EXPECT_EQ((*database)->reader().events.LastSequence(IdOf(0)).value(), last + 3);
}

TEST_F(Crash, ACommitThatFailsIsAnsweredAsAnErrorAndTheNextOneGoesOn) {
  for (const int runs : {1, 5}) {
    StartAnew();
    const std::string acknowledged = Run("store.commit:fail@7", runs);
    EXPECT_EQ(exit.shell_code(), 0);
    EXPECT_EQ(acknowledged, "yyyyyyn" + std::string(kGroups - 5, 'y'));
    EXPECT_EQ(LastOfAll(runs), kGroups * 3);
  }
}

int WriterMain(const char* path, const char* runs) {
  Writer(path, std::atoi(runs)).WriteAll();
  return testing::Test::HasFailure() ? 1 : 0;
}

}  // namespace
}  // namespace vm0::store

// The tests of Crash start the process that dies by their own executable.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 4 && std::strcmp(argv[1], vm0::store::kWriterMode) == 0)
    return vm0::store::WriterMain(argv[2], argv[3]);
  return RUN_ALL_TESTS();
}
