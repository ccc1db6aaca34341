// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "store/database.h"

namespace vm0::store {

// One piece of work in a group.
struct QueuedWork {
  Database::Work work;
  Database::Done done;
  Status status;
  MonoTime submitted{};  // where somebody observes
};

// The write queue of one database (docs/decisions/0001-group-commit.md): gathers what is submitted
// in one turn of the loop and commits it as a group; a group of one inline, a bigger one on the
// committer thread, which takes with each group all that came while it committed the last. Works
// run, and their dones are called, in the order of Submit. Loop thread only.
class CommitQueue {
 public:
  // Runs a group in one transaction and sets each status. Called on the loop thread or on the
  // committer thread, never on both at once. True when it committed something.
  using Commit = std::function<bool(std::span<QueuedWork>)>;

  // `observer` may be nullptr.
  CommitQueue(asio::any_io_executor executor, Commit commit, CommitObserver* observer = nullptr);
  // Commits what was submitted; leaves the dones in the executor's queue.
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  void Submit(Database::Work work, Database::Done done);
  Database::Stats stats() const;

 private:
  using Group = std::vector<QueuedWork>;
  // How a group fared.
  struct Outcome {
    bool committed = false;
    MonoTime begun{};
    MonoTime ended{};
  };

  void Flush();
  void CommitInline(Group group);
  void HandOver(Group group);
  void RunCommitter();
  // The thread whose turn it is.
  Outcome Run(std::span<QueuedWork> group) const;
  MonoTime Now() const { return observer_ != nullptr ? observer_->Now() : MonoTime{}; }
  // Any thread: lets the loop call the dones.
  void PostDones(Group group, Outcome outcome);
  void Count(const Group& group, const Outcome& outcome);
  static void CallDones(Group group);

  const asio::any_io_executor executor_;
  const Commit commit_;
  CommitObserver* const observer_;
  Database::Stats stats_;
  std::shared_ptr<CommitQueue*> self_;  // what posted functions hold on to, weakly

  Group gathered_;
  bool flush_posted_ = false;
  std::size_t handed_over_ = 0;  // works whose dones the committer thread has not brought back
  // Keeps the loop running while the committer thread has work.
  std::optional<asio::executor_work_guard<asio::any_io_executor>> loop_work_;

  std::mutex mutex_;  // guards the three below
  std::condition_variable changed_;
  Group waiting_;
  bool stopping_ = false;
  std::thread committer_;  // started with the first group that needs it
};

}  // namespace vm0::store
