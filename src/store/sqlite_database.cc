// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/fd.h"
#include "os/process.h"
#include "store/sqlite_copier.h"
#include "store/sqlite_migrations.h"

namespace vm0::store {
namespace {

// A commit is durable when it returns (synchronous=FULL). What is deleted is overwritten, since
// rows hold prompts and sealed secrets. The log is copied into the database each 1000 pages (4 MB):
// the copy is part of some commit, perhaps of one on the loop thread, so it must stay short.
constexpr const char* kPragmas =
    "PRAGMA busy_timeout = 5000;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA secure_delete = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -16384;"
    "PRAGMA wal_autocheckpoint = 1000;"
    "PRAGMA journal_size_limit = 67108864;";

// Before SQLite opens the file: SQLite gives its log and shared memory the same mode, and closing a
// descriptor of ours later would drop the POSIX locks that SQLite holds on the file.
Status MakePrivateFile(const std::string& path) {
  VM0_ASSIGN(const os::Fd fd, os::OpenForWriting(path, O_CREAT));
  if (::fchmod(fd.get(), 0600) != 0) return Fail(SystemError("chmod", path));
  return {};
}

// A server that was killed between writing a commit and syncing it leaves that commit to us: SQLite
// finds it in the log and shows it, but syncs nothing. The same moment as above, for the same
// reason.
Status SyncWhatIsLeft(const std::string& log) {
  if (::access(log.c_str(), F_OK) != 0) return {};
  VM0_ASSIGN(const os::Fd fd, os::OpenForWriting(log, 0));
  return os::Sync(fd.get(), log);
}

Result<os::FileLock> Lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  VM0_ASSIGN(auto lock, os::FileLock::TryAcquire(lock_path));
  if (!lock) {
    const auto holder = os::ReadFile(lock_path, 1024);
    std::string who = holder ? std::string(TrimAscii(*holder)) : "";
    if (!who.empty()) who = " (" + who + ")";
    return Fail(Code::kConflict, "database " + path + ": another server uses it" + who +
                                     "; stop that one, or choose another data directory");
  }
  const auto boot = os::BootId();
  VM0_TRY(
      lock->Describe("pid=" + std::to_string(::getpid()) + " boot=" + boot.value_or("?") + "\n"));
  return std::move(*lock);
}

Error NoWal(const std::string& path, std::string_view why) {
  return Error{Code::kIo,
               "database " + path + ": no write-ahead log here (" + std::string(why) +
                   "): the file system does not share memory between processes, as "
                   "network file systems do not; put the data directory on a local disk"};
}

// SQLite keeps another journal mode, without an error, where WAL can not work.
Status UseWal(SqliteConnection& connection) {
  auto query = connection.Query("PRAGMA journal_mode = WAL");
  const auto row = query.Step();
  if (!row)
    return Fail(query.found_damage() ? row.error() : NoWal(connection.path(), row.error().message));
  const std::string mode = *row ? query.Text(0) : "no answer";
  if (mode != "wal") return Fail(NoWal(connection.path(), "journal_mode=" + mode));
  return {};
}

Result<std::unique_ptr<SqliteConnection>> Connect(const std::string& path) {
  VM0_ASSIGN(auto connection, SqliteConnection::Open(path));
  VM0_TRY(connection->Execute(kPragmas));
  VM0_TRY(UseWal(*connection));
  return connection;
}

Error LostGroup(const Error& cause) {
  const bool passes = cause.code == Code::kUnavailable;
  return Error{passes ? Code::kUnavailable : Code::kIo, "nothing was stored: " + cause.message};
}

// A full disk or an I/O error makes SQLite roll back the whole transaction by itself.
Status RolledBack(const Status& work) {
  return Fail(work ? Error{Code::kIo, "the transaction was rolled back"} : work.error());
}

}  // namespace

SqliteDatabase::SqliteDatabase(os::FileLock lock, Connection reader, Connection writer,
                               asio::any_io_executor executor, CommitObserver* observer)
    : lock_(std::move(lock)),
      reader_(std::move(reader), committed_),
      writer_(std::move(writer), written_),
      copier_(reader_.connection->path(), executor),
      queue_(
          std::move(executor), [this](std::span<QueuedWork> group) { return Commit(group); },
          observer) {}

bool SqliteDatabase::Commit(std::span<QueuedWork> group) {
  const Status status = RunGroup(group);
  if (status) return std::ranges::any_of(group, [](auto& item) { return item.status.has_value(); });
  if (writer_.connection->in_transaction()) (void)writer_.connection->Execute("ROLLBACK");
  Forget();
  // Even a work that failed by itself may have seen what its mates wrote in vain.
  for (QueuedWork& item : group) item.status = Fail(LostGroup(status.error()));
  return false;
}

Status SqliteDatabase::RunGroup(std::span<QueuedWork> group) {
  SqliteConnection& connection = *writer_.connection;
  VM0_TRY(connection.Query("BEGIN IMMEDIATE").Run());
  for (QueuedWork& item : group) VM0_TRY(group.size() == 1 ? RunAlone(item) : RunWork(item));
  if (os::FaultFails("store.commit")) return Fail(Code::kIo, "fault store.commit");
  VM0_TRY(connection.Query("COMMIT").Run());
  committed_ = written_.load();
  (void)os::FaultFails("store.committed");
  return {};
}

// Nobody else's work is lost with its transaction: it needs no savepoint, which costs as much as a
// small work.
Status SqliteDatabase::RunAlone(QueuedWork& item) {
  item.status = item.work(writer_.stores);
  if (!writer_.connection->in_transaction()) return RolledBack(item.status);
  if (item.status) return {};
  Forget();
  VM0_TRY(writer_.connection->Query("ROLLBACK").Run());
  return writer_.connection->Query("BEGIN").Run();
}

Status SqliteDatabase::RunWork(QueuedWork& item) {
  SqliteConnection& connection = *writer_.connection;
  VM0_TRY(connection.Query("SAVEPOINT work").Run());
  item.status = item.work(writer_.stores);
  if (!connection.in_transaction()) return RolledBack(item.status);
  if (!item.status) {
    Forget();
    VM0_TRY(connection.Query("ROLLBACK TO work").Run());
  }
  return connection.Query("RELEASE work").Run();
}

void SqliteDatabase::Forget() {
  ++written_;
  writer_.events.ForgetAppended();
}

Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path,
                                             asio::any_io_executor executor,
                                             CommitObserver* observer) {
  VM0_ASSIGN(auto lock, Lock(path));
  VM0_TRY(RemoveCopy(path));
  VM0_TRY(MakePrivateFile(path));
  VM0_TRY(SyncWhatIsLeft(path + "-wal"));
  VM0_ASSIGN(auto writer, Connect(path));
  VM0_TRY(Migrate(*writer, Migrations()));
  VM0_ASSIGN(auto reader, Connect(path));
  VM0_TRY(reader->Execute("PRAGMA query_only = ON"));
  return std::make_unique<SqliteDatabase>(std::move(lock), std::move(reader), std::move(writer),
                                          std::move(executor), observer);
}

}  // namespace vm0::store
