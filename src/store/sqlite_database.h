// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>

#include "os/file.h"
#include "store/commit_queue.h"
#include "store/database.h"
#include "store/sqlite.h"
#include "store/sqlite_copier.h"
#include "store/sqlite_event_log.h"
#include "store/sqlite_run_store.h"

namespace vm0::store {

// Database on one SQLite file: a connection that reads on the loop thread, and one that writes,
// used by the commit queue alone.
class SqliteDatabase final : public Database {
 public:
  using Connection = std::unique_ptr<SqliteConnection>;
  SqliteDatabase(os::FileLock lock, Connection reader, Connection writer,
                 asio::any_io_executor executor, CommitObserver* observer = nullptr);

  Stores& reader() override { return reader_.stores; }
  void Submit(Work work, Done done) override { queue_.Submit(std::move(work), std::move(done)); }
  Stats stats() const override { return queue_.stats(); }
  void StartCopy(std::stop_token stop, CopyDone done) override {
    copier_.Start(std::move(stop), std::move(done));
  }

 private:
  struct View {
    View(Connection c, Version& version) : connection(std::move(c)), runs(*connection, version) {}
    Connection connection;
    SqliteRunStore runs;
    SqliteEventLog events{*connection};
    Stores stores{runs, events};
  };

  bool Commit(std::span<QueuedWork> group);
  // The group's transaction; each work's own outcome goes to its status.
  Status RunGroup(std::span<QueuedWork> group);
  Status RunWork(QueuedWork& item);
  Status RunAlone(QueuedWork& item);

  // What the writer has cached of what is rolled back.
  void Forget();

  os::FileLock lock_;      // first, so that it is given up last
  Version written_ = 0;    // counts the writes to cached rows, and the rollbacks
  Version committed_ = 0;  // how many of them the reader sees
  View reader_;
  View writer_;
  SqliteCopier copier_;
  CommitQueue queue_;  // last: it drains into writer_
};

}  // namespace vm0::store
