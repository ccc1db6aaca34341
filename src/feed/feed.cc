// SPDX-License-Identifier: Apache-2.0
#include "feed/feed.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <span>
#include <utility>

#include "event/classify.h"
#include "feed/waiters.h"
#include "os/fault.h"

namespace vm0::feed {
namespace {

using Records = std::vector<event::RecordView>;

// The last number before and after an append.
struct Stored {
  std::int64_t before = 0;
  std::int64_t last = 0;
};

// Row EventsAfterEndRepeated: what was stored before the end is acknowledged again after it.
Status AllowRepeated(const Status& open, std::int64_t offered_last, std::int64_t last) {
  if (open || (open.error().code == Code::kRunEnded && offered_last <= last)) return {};
  return open;
}

Result<Stored> StoreRecords(store::Stores& stores, RunId run, const Feed::Gate& gate,
                            const Records& records) {
  const Status open = gate(stores);
  VM0_ASSIGN(const std::int64_t before, stores.events.LastSequence(run));
  VM0_TRY(AllowRepeated(open, records.back().sequence, before));
  VM0_ASSIGN(const std::int64_t last, stores.events.Append(run, records));
  return Stored{before, last};
}

// An outsider's events under way; `records` are what was new, made when they are stored.
struct RawBatch {
  std::vector<std::string> events;
  std::optional<std::int64_t> first_sequence;
  WallTime now{};
  Records records;
  std::int64_t first = 0;
};

// Compares the first `count` events, which are numbered from `first`, with what is stored: by their
// bytes, since an outsider's events have no time of their own.
Status CompareRaw(store::EventLog& log, RunId run, const RawBatch& batch, std::int64_t count) {
  VM0_ASSIGN(const store::Pruned pruned, log.FindPruned(run));
  std::int64_t compared = std::max<std::int64_t>(0, pruned.to + 1 - batch.first);
  while (compared < count) {
    const std::int64_t since = batch.first + compared - 1;
    const int limit = static_cast<int>(count - compared);
    VM0_ASSIGN(const auto stored, log.Read(run, since, limit, kPageBytes));
    if (stored.empty()) return Fail(Code::kIo, "run " + run.ToString() + ": events are missing");
    for (const auto& event : stored) {
      if (event.json != batch.events[static_cast<std::size_t>(compared++)]) {
        return Fail(Error{
            Code::kEventMismatch,
            "event " + std::to_string(event.sequence) + " is stored already, with other bytes",
            event.sequence});
      }
    }
  }
  return {};
}

// createdAt never goes backward, whatever the wall clock does.
WallTime NextTime(const store::LastEvent& last, WallTime now) {
  return std::max(now, last.created_at);
}

Result<Stored> StoreRaw(store::Stores& stores, RunId run, const Feed::Gate& gate, RawBatch& batch) {
  const Status open = gate(stores);
  VM0_ASSIGN(const store::LastEvent end, stores.events.FindLast(run));
  const std::int64_t last = end.sequence;
  batch.first = batch.first_sequence.value_or(last + 1);
  const auto count = static_cast<std::int64_t>(batch.events.size());
  if (batch.first > last + 1) {
    VM0_TRY(open);
    return Fail(Error{Code::kSequenceGap,
                      "firstSequence is " + std::to_string(batch.first) + ", expected at most " +
                          std::to_string(last + 1),
                      last + 1});
  }
  VM0_TRY(AllowRepeated(open, batch.first + count - 1, last));
  const std::int64_t repeated = std::min(count, last + 1 - batch.first);
  VM0_TRY(CompareRaw(stores.events, run, batch, repeated));
  const WallTime time = NextTime(end, batch.now);
  for (std::int64_t i = repeated; i < count; ++i) {
    const std::string& json = batch.events[static_cast<std::size_t>(i)];
    batch.records.push_back(
        {batch.first + i, time, event::Source::kAgent, json, {}, event::TypeOf(json)});
  }
  VM0_ASSIGN(const std::int64_t now_last, stores.events.Append(run, batch.records));
  return Stored{last, now_last};
}

Error PrunedError(std::int64_t pruned_to, std::int64_t last) {
  const std::string first = std::to_string(pruned_to + 1);
  const std::string rest =
      pruned_to < last ? "the first that is left is " + first : std::string("none is left");
  return {Code::kEventsPruned, "events 1 to " + std::to_string(pruned_to) + " were pruned; " + rest,
          pruned_to + 1};
}

Status CheckRaw(const std::vector<std::string>& events, std::optional<std::int64_t> first) {
  if (events.empty()) return Fail(Code::kBadRequest, "Events array cannot be empty");
  if (events.size() > kMaxAppendEvents) {
    return Fail(Code::kPayloadTooLarge, "more than " + std::to_string(kMaxAppendEvents) +
                                            " events; send them in smaller batches");
  }
  if (first && *first < 1) return Fail(Code::kBadRequest, "firstSequence must be at least 1");
  return {};
}

}  // namespace

class Feed::Impl {
 public:
  Impl(store::Database& database, os::Clock& clock, TailLimits limits, Observer* observer)
      : database(database), clock(clock), observer(observer), tails(limits) {}

  // After the commit: into the tail, and the readers may come.
  void Publish(RunId run, const Records& records, Stored stored) {
    const auto first =
        std::ranges::upper_bound(records, stored.before, {}, &event::RecordView::sequence);
    const std::span<const event::RecordView> added(first, records.end());
    if (observer != nullptr) observer->OnStored(added);
    std::vector<EventPtr> events;
    for (const auto& record : added) {
      events.push_back(std::make_shared<event::Event>(
          event::Event{record.sequence, record.created_at, record.source, record.type,
                       std::string(record.json)}));
    }
    tails.Add(run, events);
    // An external run begins to run with its first events.
    if (stored.before == 0) {
      waiters->Wake(run);
    } else {
      waiters->WakeForEvents(run, stored.last);
    }
  }

  Result<Head> ReadHead(RunId run, std::int64_t since) {
    const Head* kept = waiters->FindHead(run);
    if (kept != nullptr && since <= kept->last_sequence) return *kept;
    store::Stores& stores = database.reader();
    VM0_ASSIGN(auto row, stores.runs.FindRun(run));
    if (!row) return Fail(Code::kNotFound, "Agent run not found");
    VM0_ASSIGN(const std::int64_t last, stores.events.LastSequence(run));
    Head head{std::make_shared<const store::Run>(*std::move(row)), last};
    if (store::IsTerminal(head.run->status)) {
      VM0_ASSIGN(const store::Pruned pruned, stores.events.FindPruned(run));
      head.pruned_to = pruned.to;
    }
    waiters->KeepHead(run, head);
    return head;
  }

  // `limit` events after `since`, all of which are stored.
  Result<std::vector<EventPtr>> ReadEvents(const Head& head, std::int64_t since, int limit,
                                           std::size_t max_bytes) {
    if (since < head.pruned_to) return Fail(PrunedError(head.pruned_to, head.last_sequence));
    const RunId run = head.run->id;
    if (auto events = tails.Read(run, since, limit, max_bytes)) return std::move(*events);
    store::EventLog& log = database.reader().events;
    VM0_ASSIGN(auto stored, log.Read(run, since, limit, max_bytes));
    if (stored.empty() || stored.front().sequence != since + 1) {
      // Pruned since the head was read, or lost.
      VM0_ASSIGN(const store::Pruned pruned, log.FindPruned(run));
      const std::int64_t gone = stored.empty() ? pruned.to : stored.front().sequence - 1;
      if (since < gone) return Fail(PrunedError(gone, head.last_sequence));
    }
    std::vector<EventPtr> events;
    for (auto& event : stored) events.push_back(std::make_shared<event::Event>(std::move(event)));
    return events;
  }

  // On doubt true: the caller reads then, and gets the error if there is one.
  bool HasNews(RunId run, std::int64_t since) {
    const auto head = ReadHead(run, since);
    return !head || store::IsTerminal(head->run->status) || head->last_sequence > since;
  }

  store::Database& database;
  os::Clock& clock;
  Observer* const observer;
  Tails tails;
  std::shared_ptr<Waiters> waiters = std::make_shared<Waiters>();
};

Feed::Feed(store::Database& database, os::Clock& clock, TailLimits limits, Observer* observer)
    : impl_(std::make_unique<Impl>(database, clock, limits, observer)) {}

Feed::~Feed() = default;

asio::awaitable<Result<std::int64_t>> Feed::Append(RunId run, std::string body, Gate gate) {
  struct Batch {
    std::string body;
    Records records;  // views of body
  };
  (void)os::FaultFails("feed.received");
  auto batch = std::make_shared<Batch>();
  batch->body = std::move(body);
  VM0_CO_ASSIGN(batch->records, event::ParseRecords(batch->body));
  std::function<Result<Stored>(store::Stores&)> work = [run, batch, gate](store::Stores& stores) {
    return StoreRecords(stores, run, gate, batch->records);
  };
  const auto stored = co_await impl_->database.Write<Stored>(std::move(work));
  if (!stored) co_return std::unexpected(stored.error());
  (void)os::FaultFails("feed.stored");
  if (stored->last > stored->before) impl_->Publish(run, batch->records, *stored);
  (void)os::FaultFails("feed.woken");
  co_return stored->last;
}

asio::awaitable<Result<Feed::Received>> Feed::AppendRaw(RunId run, std::vector<std::string> events,
                                                        std::optional<std::int64_t> first_sequence,
                                                        Gate gate) {
  VM0_CO_TRY(CheckRaw(events, first_sequence));
  auto batch = std::make_shared<RawBatch>();
  batch->events = std::move(events);
  batch->first_sequence = first_sequence;
  batch->now = impl_->clock.WallNow();
  std::function<Result<Stored>(store::Stores&)> work = [run, batch, gate](store::Stores& stores) {
    return StoreRaw(stores, run, gate, *batch);
  };
  const auto stored = co_await impl_->database.Write<Stored>(std::move(work));
  if (!stored) co_return std::unexpected(stored.error());
  if (stored->last > stored->before) impl_->Publish(run, batch->records, *stored);
  const auto count = static_cast<std::int64_t>(batch->events.size());
  co_return Received{count, batch->first, batch->first + count - 1};
}

Result<Head> Feed::ReadHead(RunId run, std::int64_t since) { return impl_->ReadHead(run, since); }

Result<std::vector<EventPtr>> Feed::ReadEvents(const Head& head, std::int64_t since,
                                               std::int64_t limit, std::size_t max_bytes) {
  assert(since >= 0 && limit >= 1);
  const std::int64_t last = head.last_sequence;
  if (since > last) {
    return Fail(Error{Code::kCursorAhead,
                      "since is beyond the last event, which is " + std::to_string(last), last});
  }
  if (since == last) return std::vector<EventPtr>();
  const auto wanted = static_cast<int>(std::min<std::int64_t>(limit, last - since));
  return impl_->ReadEvents(head, since, wanted, max_bytes);
}

Result<Page> Feed::Read(RunId run, std::int64_t since, int limit) {
  assert(limit <= 1000);
  VM0_ASSIGN(Head head, ReadHead(run, since));
  Page page;
  VM0_ASSIGN(page.events, ReadEvents(head, since, limit, kPageBytes));
  page.next_sequence = page.events.empty() ? since : page.events.back()->sequence;
  page.has_more = page.next_sequence < head.last_sequence;
  page.run = std::move(head.run);
  if (page.has_more && store::IsTerminal(page.run->status)) {
    auto running = std::make_shared<store::Run>(*page.run);
    running->status = store::RunStatus::kRunning;
    running->completed_at.reset();
    running->error.reset();
    running->error_code.reset();
    running->result.reset();
    page.run = std::move(running);
  }
  return page;
}

std::unique_ptr<Subscription> Feed::Subscribe(RunId run, Listener& listener) {
  return std::make_unique<Subscription>(impl_->waiters, run, listener);
}

std::shared_ptr<Feed::Waiter> Feed::NewWaiter() {
  return std::make_shared<Subscriber>(impl_->waiters);
}

asio::awaitable<void> Feed::Wait(RunId run, std::int64_t since, MonoTime deadline,
                                 std::shared_ptr<Waiter> waiter) {
  auto& subscriber = static_cast<Subscriber&>(*waiter);
  if (subscriber.cancelled()) co_return;
  // First, so that what comes after the look at the store wakes.
  subscriber.SubscribeTo(run);
  if (impl_->HasNews(run, since)) {
    subscriber.ForgetWakes();
    co_return;
  }
  co_await subscriber.Wait(impl_->clock, deadline);
}

void Feed::Wake(RunId run) { impl_->waiters->Wake(run); }

std::size_t Feed::waiting_readers() const { return impl_->waiters->waiting; }

std::size_t Feed::listeners() const { return impl_->waiters->listeners(); }

std::size_t Feed::tail_bytes() const { return impl_->tails.bytes(); }

}  // namespace vm0::feed
