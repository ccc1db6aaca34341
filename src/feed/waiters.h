// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/id.h"
#include "feed/feed.h"
#include "os/wakeup.h"

namespace vm0::feed {

// Who is to be woken for which run, and what is known of those runs. Loop thread only.
class Waiters {
 public:
  void Add(RunId run, Listener& listener);
  void Remove(RunId run, Listener& listener);
  void Wake(RunId run);
  // Events were appended, of which `last` is the last, and nothing else changed: what is kept of
  // the run stays, with that number.
  void WakeForEvents(RunId run, std::int64_t last);
  // What was kept of a run since its last wake; nullptr if nothing was.
  const Head* FindHead(RunId run) const;
  // Keeps it until the run's next wake, if anybody listens to the run.
  void KeepHead(RunId run, const Head& head);
  // All wakes so far, of any run.
  std::uint64_t wakes() const { return wakes_; }
  std::size_t listeners() const { return listeners_; }

  // How many coroutines wait.
  std::size_t waiting = 0;

 private:
  struct Watched {
    // In the order they came.
    boost::intrusive::list<
        Listener, boost::intrusive::member_hook<Listener, Listener::Hook, &Listener::hook_>,
        boost::intrusive::constant_time_size<false>>
        listeners;
    std::optional<Head> head;

    void WakeAll() {
      for (Listener& listener : listeners) listener.OnNews();
    }
  };
  std::unordered_map<RunId, Watched> runs_;
  std::uint64_t wakes_ = 0;
  std::size_t listeners_ = 0;
};

// A Feed::Waiter: once it has waited for a run, it stays subscribed to it until destroyed, so that
// a wake between two waits is kept.
class Subscriber final : public Feed::Waiter, private Listener {
 public:
  explicit Subscriber(std::shared_ptr<Waiters> waiters)
      : waiters_(std::move(waiters)), wakes_before_(waiters_->wakes()) {}

  void Cancel() override;
  bool cancelled() const { return cancelled_; }
  void SubscribeTo(RunId run);
  // What came until now is news no more: the caller looks at the store next.
  void ForgetWakes() { wakeup_.Clear(); }
  asio::awaitable<void> Wait(os::Clock& clock, MonoTime deadline);

 private:
  void OnNews() override { wakeup_.Wake(); }

  std::shared_ptr<Waiters> waiters_;
  const std::uint64_t wakes_before_;  // when it was made
  std::optional<RunId> run_;
  std::optional<Subscription> subscription_;
  os::Wakeup wakeup_;
  bool cancelled_ = false;
};

}  // namespace vm0::feed
