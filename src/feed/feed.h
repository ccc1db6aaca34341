// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "event/record.h"
#include "feed/tails.h"
#include "os/clock.h"
#include "store/database.h"

namespace vm0::feed {

namespace asio = boost::asio;

inline constexpr std::size_t kPageBytes = 8 << 20;

// How far a run is: its row as committed, and the number of its last event. Read in this order, so
// that of a run that has ended all events are counted.
struct Head {
  std::shared_ptr<const store::Run> run;
  std::int64_t last_sequence = 0;
  std::int64_t pruned_to = 0;  // of the events 1..pruned_to none is read any more
};

// A page of a run's events.
struct Page {
  std::vector<EventPtr> events;
  std::int64_t next_sequence = 0;  // the cursor to come back with
  bool has_more = false;           // exact: an event after this page was stored when it was read
  // As committed; its status is terminal only if this page reaches the end.
  std::shared_ptr<const store::Run> run;
};

class Waiters;

// Hears that there may be news of a run.
class Listener {
 public:
  virtual ~Listener() = default;
  // Inside of the wake: work is for later, and subscriptions stay as they are.
  virtual void OnNews() = 0;

 private:
  friend class Waiters;
  using Hook = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  Hook hook_;
};

// While it lives, its listener hears of a run; a listener has one at a time. May outlive the feed.
class Subscription {
 public:
  Subscription(std::shared_ptr<Waiters> waiters, RunId run, Listener& listener);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  std::shared_ptr<Waiters> waiters_;
  const RunId run_;
  Listener& listener_;
};

// Sees what is stored, for metrics. Outlives the feed.
class Observer {
 public:
  virtual ~Observer() = default;
  // Committed just now, and not there before. Loop thread.
  virtual void OnStored(std::span<const event::RecordView> records) = 0;
};

// More events in one append are kPayloadTooLarge.
inline constexpr std::size_t kMaxAppendEvents = 10'000;

// Events in, events out: commit, then wake, then pull. Readers hold a cursor and nothing else; a
// wake carries no data. Keeps a bounded tail of each live run in memory, and the head of those that
// somebody listens to, so that readers at the end do not touch the store: nobody else writes it,
// and each change of a run is followed by its wake. Loop thread only; owned by the server; outlives
// its coroutines.
class Feed {
 public:
  // `observer` may be nullptr.
  Feed(store::Database& database, os::Clock& clock, TailLimits limits = {},
       Observer* observer = nullptr);
  ~Feed();

  // Checks that an attempt may write to a run: runs in the append's transaction.
  using Gate = std::function<Status(store::Stores&)>;
  // Stores a supervisor's records (see record.h for the body's format) and wakes the readers. Gives
  // the last number stored. Errors of ParseRecords, of EventLog::Append, of the gate.
  asio::awaitable<Result<std::int64_t>> Append(RunId run, std::string body, Gate gate);

  struct Received {
    std::int64_t count = 0;
    std::int64_t first_sequence = 0;
    std::int64_t last_sequence = 0;
  };
  // Stores raw events of an outsider with the server's time, numbered from `first_sequence` or else
  // after the last one. Events must be IsEvent. With first_sequence, repeated events count as
  // received and are not stored again; other bytes are kEventMismatch, a gap is kSequenceGap.
  asio::awaitable<Result<Received>> AppendRaw(RunId run, std::vector<std::string> events,
                                              std::optional<std::int64_t> first_sequence,
                                              Gate gate);

  // One page after `since`, from memory or store. kNotFound "Agent run not found", kCursorAhead,
  // kEventsPruned. limit 1..1000.
  Result<Page> Read(RunId run, std::int64_t since, int limit);

  // The same in parts, for who reads on and on. kNotFound. What is kept may be a commit behind the
  // store, whose numbers others may have been shown: `since` is such a number, and the head reaches
  // it if the run does.
  Result<Head> ReadHead(RunId run, std::int64_t since = 0);
  // At most `limit` events after `since`, and at most `max_bytes` of JSON but always one.
  // kCursorAhead, kEventsPruned; `since` may be the last number: then there are none.
  Result<std::vector<EventPtr>> ReadEvents(const Head& head, std::int64_t since, std::int64_t limit,
                                           std::size_t max_bytes);
  // What comes after this call is told.
  std::unique_ptr<Subscription> Subscribe(RunId run, Listener& listener);

  // Waits until Read(run, since) may give something new: an event beyond `since`, the end of the
  // run or another change of its status; or until the deadline, or until `cancel` is called.
  // Returns at once when there is something already. May wake early: callers read again. A waiter
  // serves one coroutine and one run; it remembers wakes that come between two waits.
  class Waiter;
  std::shared_ptr<Waiter> NewWaiter();
  asio::awaitable<void> Wait(RunId run, std::int64_t since, MonoTime deadline,
                             std::shared_ptr<Waiter> waiter);

  // Somebody changed the run's row (status, end): wakes its readers. Call after the commit.
  void Wake(RunId run);

  // Coroutines suspended in Wait.
  std::size_t waiting_readers() const;
  // Those who hear of runs, whether they wait for it now or not.
  std::size_t listeners() const;
  // What the tails hold now.
  std::size_t tail_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Lets the owner of a wait end it (peer gone, server shutting down). Cancel may come before Wait.
class Feed::Waiter {
 public:
  virtual ~Waiter() = default;
  virtual void Cancel() = 0;
};

}  // namespace vm0::feed
