// SPDX-License-Identifier: Apache-2.0
#include "feed/waiters.h"

namespace vm0::feed {
namespace {

struct Counted {
  explicit Counted(std::size_t& n) : count(n) { ++count; }
  ~Counted() { --count; }
  std::size_t& count;
};

}  // namespace

void Waiters::Wake(RunId run) {
  ++wakes_;
  const auto found = subscribers_.find(run);
  if (found == subscribers_.end()) return;
  for (Subscriber* subscriber : found->second) subscriber->wakeup_.Wake();
}

void Subscriber::Cancel() {
  cancelled_ = true;
  wakeup_.Wake();
}

void Subscriber::SubscribeTo(RunId run) {
  if (run_ == run) return;
  Unsubscribe();
  run_ = run;
  waiters_->subscribers_[run].insert(this);
  // Between its making, when the caller read first, and now a wake for this run may have passed.
  if (waiters_->wakes() != wakes_before_) wakeup_.Wake();
}

void Subscriber::Unsubscribe() {
  if (!run_) return;
  const auto found = waiters_->subscribers_.find(*run_);
  found->second.erase(this);
  if (found->second.empty()) waiters_->subscribers_.erase(found);
  run_.reset();
}

asio::awaitable<void> Subscriber::Wait(os::Clock& clock, MonoTime deadline) {
  if (cancelled_) co_return;
  const Counted counted(waiters_->waiting_);
  co_await wakeup_.Wait(clock, deadline);
}

}  // namespace vm0::feed
