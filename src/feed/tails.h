// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "event/event.h"

namespace vm0::feed {

using EventPtr = std::shared_ptr<const event::Event>;

// How much of the newest events is kept in memory.
struct TailLimits {
  std::size_t events_per_run = 1000;
  std::size_t bytes_per_run = 1 << 20;
  std::size_t bytes = 64 << 20;  // of all runs; the least recently used tails go first
};

// The newest events of the runs that are written or read now: a cache of what is committed. A tail
// has no gap. Loop thread only.
class Tails {
 public:
  explicit Tails(TailLimits limits) : limits_(limits) {}

  // Adds committed events, ascending without gap. Those that are there already are passed over;
  // after a gap the tail begins anew.
  void Add(RunId run, std::span<const EventPtr> events);
  // Events after `since`, at most `limit` and `max_bytes` of JSON but at least one; nullopt when
  // the first of them is not here.
  std::optional<std::vector<EventPtr>> Read(RunId run, std::int64_t since, int limit,
                                            std::size_t max_bytes);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Tail {
    std::deque<EventPtr> events;
    std::size_t bytes = 0;
    std::list<RunId>::iterator use;
  };

  Tail& Use(RunId run);
  void Push(Tail& tail, const EventPtr& event);
  void PopFront(Tail& tail);
  void Clear(Tail& tail);
  void Evict();

  const TailLimits limits_;
  std::size_t bytes_ = 0;
  std::list<RunId> uses_;  // the most recent first
  std::unordered_map<RunId, Tail> tails_;
};

}  // namespace vm0::feed
