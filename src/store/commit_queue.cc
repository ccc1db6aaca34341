// SPDX-License-Identifier: Apache-2.0
#include "store/commit_queue.h"

#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

namespace vm0::store {

CommitQueue::CommitQueue(asio::any_io_executor executor, Commit commit, CommitObserver* observer)
    : executor_(std::move(executor)),
      commit_(std::move(commit)),
      observer_(observer),
      self_(std::make_shared<CommitQueue*>(this)) {}

CommitQueue::~CommitQueue() {
  if (committer_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    committer_.join();
  }
  if (!gathered_.empty()) {
    const Outcome outcome = Run(gathered_);
    PostDones(std::move(gathered_), outcome);
  }
}

void CommitQueue::Submit(Database::Work work, Database::Done done) {
  gathered_.push_back({std::move(work), std::move(done), {}, Now()});
  if (std::exchange(flush_posted_, true)) return;
  // At the end of the loop's queue: what is ready by then joins the group.
  asio::post(executor_, [weak = std::weak_ptr(self_)] {
    if (auto self = weak.lock()) (*self)->Flush();
  });
}

void CommitQueue::Flush() {
  flush_posted_ = false;
  Group group = std::exchange(gathered_, {});
  // Inline only when nothing is under way: order is kept, and the two threads never meet.
  if (group.size() == 1 && handed_over_ == 0) {
    CommitInline(std::move(group));
  } else {
    HandOver(std::move(group));
  }
}

void CommitQueue::CommitInline(Group group) {
  const Outcome outcome = Run(group);
  Count(group, outcome);
  if (outcome.committed) ++stats_.inline_commits;
  CallDones(std::move(group));
}

void CommitQueue::HandOver(Group group) {
  handed_over_ += group.size();
  if (!loop_work_) loop_work_.emplace(executor_);
  {
    std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), std::make_move_iterator(group.begin()),
                    std::make_move_iterator(group.end()));
  }
  if (!committer_.joinable()) committer_ = std::thread([this] { RunCommitter(); });
  changed_.notify_one();
}

void CommitQueue::RunCommitter() {
  for (;;) {
    Group group;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      group.swap(waiting_);
    }
    const Outcome outcome = Run(group);
    PostDones(std::move(group), outcome);
  }
}

CommitQueue::Outcome CommitQueue::Run(std::span<QueuedWork> group) const {
  Outcome outcome;
  outcome.begun = Now();
  outcome.committed = commit_(group);
  outcome.ended = Now();
  return outcome;
}

void CommitQueue::PostDones(Group group, Outcome outcome) {
  asio::post(executor_, [weak = std::weak_ptr(self_), group = std::move(group), outcome]() mutable {
    if (auto self = weak.lock()) {
      CommitQueue& queue = **self;
      queue.Count(group, outcome);
      queue.handed_over_ -= group.size();
      if (queue.handed_over_ == 0) queue.loop_work_.reset();
    }
    CallDones(std::move(group));
  });
}

void CommitQueue::Count(const Group& group, const Outcome& outcome) {
  stats_.works += group.size();
  if (outcome.committed) ++stats_.commits;
  if (observer_ == nullptr) return;
  observer_->OnGroup(group.size(), outcome.ended - outcome.begun);
  for (const QueuedWork& item : group) observer_->OnWait(outcome.begun - item.submitted);
}

Database::Stats CommitQueue::stats() const {
  Database::Stats stats = stats_;
  stats.pending = gathered_.size() + handed_over_;
  return stats;
}

void CommitQueue::CallDones(Group group) {
  for (QueuedWork& item : group) item.done(std::move(item.status));
}

}  // namespace vm0::store
