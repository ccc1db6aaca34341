// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_set>

#include "http/deadline_list.h"
#include "http/server.h"

namespace vm0::http {

class Stream;

// The streams of a server: whose turn it is to write, and when each has waited too long. Loop
// thread only.
class Streams {
 public:
  Streams(asio::io_context& loop, os::Clock& clock, const ServerLimits& limits);

  void Add(Stream& stream);
  void Remove(Stream& stream);
  // `stream` gets its turn soon. Many that are woken at once have it a few at a time, so that
  // others are served meanwhile.
  void Enqueue(std::shared_ptr<Stream> stream);
  void CloseAll();

  std::size_t size() const { return all_.size(); }
  // Those that may have something to write yet. `action` is called whenever there is one less.
  std::size_t active() const { return active_; }
  void OnInactive();
  void WhenOneLess(std::function<void()> action) { one_less_ = std::move(action); }

  // What to wait with in each state: until something must be said; until a peer that does not read
  // costs no memory; until it has had its chance; until it should have closed.
  DeadlineList& silences() { return silences_; }
  DeadlineList& lulls() { return lulls_; }
  DeadlineList& stalls() { return stalls_; }
  DeadlineList& endings() { return endings_; }

  ServerCounts& counts() { return counts_; }
  const ServerCounts& counts() const { return counts_; }

 private:
  void RunQueue();
  void Post();

  asio::io_context& loop_;
  std::unordered_set<Stream*> all_;
  std::size_t active_ = 0;
  std::function<void()> one_less_;
  std::deque<std::shared_ptr<Stream>> queue_;
  bool posted_ = false;  // RunQueue will be called
  DeadlineList silences_;
  DeadlineList lulls_;
  DeadlineList stalls_;
  DeadlineList endings_;
  ServerCounts counts_;
};

}  // namespace vm0::http
