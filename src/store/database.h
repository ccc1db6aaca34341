// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "store/event_log.h"
#include "store/run_store.h"

namespace vm0::store {

namespace asio = boost::asio;

// One connection's view of the store.
struct Stores {
  RunStore& runs;
  EventLog& events;
};

// Sees how the groups of writes fare, for metrics. Outlives the database.
class CommitObserver {
 public:
  virtual ~CommitObserver() = default;
  // What the times are taken from. Any thread.
  virtual MonoTime Now() const = 0;
  // Loop thread, before the group's dones. A group of which nothing was committed counts too.
  virtual void OnGroup(std::size_t works, Micros took) = 0;
  // One of its works, from Submit to the begin of its transaction. Loop thread.
  virtual void OnWait(Micros waited) = 0;
};

// The store of one server: a reader for the loop thread, and the one queue through which every
// write goes. Each piece of work runs in a savepoint of a transaction that it shares with all other
// work that is waiting (group commit); its `done` is called on the loop after the commit, with the
// work's own error if it had one (the work is then rolled back alone), or with kIo, or kUnavailable
// on a full disk, when the commit failed. Work alone in the queue is committed inline on the loop;
// more than one is handed to the committer thread. Loop thread only, except that work runs on
// either. Owned by the server; drained when destroyed: what was submitted is then committed, and
// each `done` is left in the executor's queue.
class Database {
 public:
  using Work = std::function<Status(Stores&)>;
  using Done = std::function<void(Status)>;

  virtual ~Database() = default;
  // What is committed. Loop thread only.
  virtual Stores& reader() = 0;
  virtual void Submit(Work work, Done done) = 0;

  // Since it was opened, for metrics. A group whose works all failed is not counted as a commit.
  struct Stats {
    std::uint64_t works = 0;
    std::uint64_t commits = 0;         // transactions, the inline ones included
    std::uint64_t inline_commits = 0;  // on the loop thread
    std::size_t pending = 0;           // works whose dones were not called yet
  };
  virtual Stats stats() const = 0;

  // A consistent copy of what is committed when it begins: a database in a file that has no name
  // any more, and goes with its descriptor. It is made on a thread of its own while others write,
  // needs as much room beside the database as there is data, and is given up on `stop`. `done` is
  // called on the loop: kConflict while another copy is made, kUnavailable when the disk is full or
  // it was given up.
  using CopyDone = std::function<void(Result<os::Fd>)>;
  virtual void StartCopy(std::stop_token stop, CopyDone done) = 0;
  asio::awaitable<Result<os::Fd>> Copy(std::stop_token stop);

  // Submit for coroutines on the loop. The work must not touch what the coroutine does not keep
  // alive; it runs to its end even when the coroutine is cancelled.
  template <class T>
  asio::awaitable<Result<T>> Write(std::function<Result<T>(Stores&)> work);

 private:
  // Submits and gives the status that `done` got.
  asio::awaitable<Status> Committed(Work work);
};

// Opens or makes the SQLite database `path` (WAL, synchronous=FULL), holds the lock `<path>.lock`,
// migrates. `executor` is the loop's. kConflict naming the holder when it is locked; kIo with a
// remedy when the file system can't do WAL; kConflict when a newer vm0 wrote the schema.
Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path,
                                             asio::any_io_executor executor,
                                             CommitObserver* observer = nullptr);

}  // namespace vm0::store

#include "store/database_write.h"
