// SPDX-License-Identifier: Apache-2.0
#include "feed/waiters.h"

#include <algorithm>

namespace vm0::feed {
namespace {

struct Counted {
  explicit Counted(std::size_t& n) : count(n) { ++count; }
  ~Counted() { --count; }
  std::size_t& count;
};

}  // namespace

void Waiters::Add(RunId run, Listener& listener) {
  runs_[run].listeners.push_back(listener);
  ++listeners_;
}

void Waiters::Remove(RunId run, Listener& listener) {
  listener.hook_.unlink();
  --listeners_;
  const auto found = runs_.find(run);
  if (found->second.listeners.empty()) runs_.erase(found);
}

void Waiters::Wake(RunId run) {
  ++wakes_;
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  found->second.head.reset();
  found->second.WakeAll();
}

void Waiters::WakeForEvents(RunId run, std::int64_t last) {
  ++wakes_;
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  if (auto& head = found->second.head) head->last_sequence = std::max(head->last_sequence, last);
  found->second.WakeAll();
}

const Head* Waiters::FindHead(RunId run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() || !found->second.head ? nullptr : &*found->second.head;
}

void Waiters::KeepHead(RunId run, const Head& head) {
  const auto found = runs_.find(run);
  if (found != runs_.end()) found->second.head = head;
}

Subscription::Subscription(std::shared_ptr<Waiters> waiters, RunId run, Listener& listener)
    : waiters_(std::move(waiters)), run_(run), listener_(listener) {
  waiters_->Add(run_, listener_);
}

Subscription::~Subscription() { waiters_->Remove(run_, listener_); }

void Subscriber::Cancel() {
  cancelled_ = true;
  wakeup_.Wake();
}

void Subscriber::SubscribeTo(RunId run) {
  if (run_ == run) return;
  run_ = run;
  Listener& self = *this;
  subscription_.emplace(waiters_, run, self);
  // Between its making, when the caller read first, and now a wake for this run may have passed.
  if (waiters_->wakes() != wakes_before_) wakeup_.Wake();
}

asio::awaitable<void> Subscriber::Wait(os::Clock& clock, MonoTime deadline) {
  if (cancelled_) co_return;
  const Counted counted(waiters_->waiting);
  co_await wakeup_.Wait(clock, deadline);
}

}  // namespace vm0::feed
