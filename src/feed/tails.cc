// SPDX-License-Identifier: Apache-2.0
#include "feed/tails.h"

#include <algorithm>

namespace vm0::feed {
namespace {

// What an event costs, roughly: its texts and the objects around them.
std::size_t CostOf(const event::Event& event) {
  return sizeof(event::Event) + 64 + event.type.size() + event.json.size();
}

}  // namespace

void Tails::Add(RunId run, std::span<const EventPtr> events) {
  if (events.empty()) return;
  Tail& tail = Use(run);
  for (const EventPtr& event : events) {
    if (!tail.events.empty()) {
      const std::int64_t last = tail.events.back()->sequence;
      if (event->sequence <= last) continue;
      if (event->sequence != last + 1) Clear(tail);
    }
    Push(tail, event);
  }
  Evict();
}

std::optional<std::vector<EventPtr>> Tails::Read(RunId run, std::int64_t since, int limit,
                                                 std::size_t max_bytes) {
  const auto found = tails_.find(run);
  if (found == tails_.end()) return std::nullopt;
  const auto& tail = found->second.events;
  if (tail.empty() || since + 1 < tail.front()->sequence || since >= tail.back()->sequence) {
    return std::nullopt;
  }
  Use(run);
  std::vector<EventPtr> events;
  std::size_t bytes = 0;
  auto next = tail.begin() + (since + 1 - tail.front()->sequence);
  for (; next != tail.end() && events.size() < static_cast<std::size_t>(limit); ++next) {
    bytes += (*next)->json.size();
    if (!events.empty() && bytes > max_bytes) break;
    events.push_back(*next);
  }
  return events;
}

Tails::Tail& Tails::Use(RunId run) {
  auto [found, is_new] = tails_.try_emplace(run);
  Tail& tail = found->second;
  if (is_new) {
    tail.use = uses_.insert(uses_.begin(), run);
  } else {
    uses_.splice(uses_.begin(), uses_, tail.use);
  }
  return tail;
}

void Tails::Push(Tail& tail, const EventPtr& event) {
  const std::size_t cost = CostOf(*event);
  tail.events.push_back(event);
  tail.bytes += cost;
  bytes_ += cost;
  while (tail.events.size() > limits_.events_per_run ||
         (tail.bytes > limits_.bytes_per_run && !tail.events.empty())) {
    PopFront(tail);
  }
}

void Tails::PopFront(Tail& tail) {
  const std::size_t cost = CostOf(*tail.events.front());
  tail.bytes -= cost;
  bytes_ -= cost;
  tail.events.pop_front();
}

void Tails::Clear(Tail& tail) {
  while (!tail.events.empty()) PopFront(tail);
}

void Tails::Evict() {
  const auto remove = [this](RunId run) {
    const auto found = tails_.find(run);
    Clear(found->second);
    uses_.erase(found->second.use);
    tails_.erase(found);
  };
  while (bytes_ > limits_.bytes && !uses_.empty()) remove(uses_.back());
  // The empty tails of runs with huge events must not add up.
  while (!uses_.empty() && tails_.at(uses_.back()).events.empty()) remove(uses_.back());
}

}  // namespace vm0::feed
