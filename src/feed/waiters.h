// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/id.h"
#include "feed/feed.h"
#include "os/wakeup.h"

namespace vm0::feed {

class Subscriber;

// Who is to be woken for which run. Loop thread only.
class Waiters {
 public:
  void Wake(RunId run);
  // All wakes so far, of any run.
  std::uint64_t wakes() const { return wakes_; }
  std::size_t waiting() const { return waiting_; }

 private:
  friend class Subscriber;
  std::unordered_map<RunId, std::unordered_set<Subscriber*>> subscribers_;
  std::uint64_t wakes_ = 0;
  std::size_t waiting_ = 0;
};

// A Feed::Waiter: once it has waited for a run, it stays subscribed to it until destroyed, so that
// a wake between two waits is kept.
class Subscriber final : public Feed::Waiter {
 public:
  explicit Subscriber(std::shared_ptr<Waiters> waiters)
      : waiters_(std::move(waiters)), wakes_before_(waiters_->wakes()) {}
  ~Subscriber() override { Unsubscribe(); }

  void Cancel() override;
  bool cancelled() const { return cancelled_; }
  void SubscribeTo(RunId run);
  // What came until now is news no more: the caller looks at the store next.
  void ForgetWakes() { wakeup_.Clear(); }
  asio::awaitable<void> Wait(os::Clock& clock, MonoTime deadline);

 private:
  friend class Waiters;
  void Unsubscribe();

  std::shared_ptr<Waiters> waiters_;
  const std::uint64_t wakes_before_;  // when it was made
  std::optional<RunId> run_;
  os::Wakeup wakeup_;
  bool cancelled_ = false;
};

}  // namespace vm0::feed
