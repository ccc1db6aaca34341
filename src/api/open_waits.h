// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "os/clock.h"

namespace vm0::api {

// The waits that requests hold open, so that a server that stops can end them all. Loop thread
// only.
class OpenWaits {
 public:
  enum class Kind {
    // Somebody reads a run: keeps an on-demand server alive.
    kLongPoll,
    kSse,
    kWebSocket,
    // Somebody takes a backup: the same.
    kBackup,
    // A runner or supervisor waits for work.
    kMachine,
  };

 private:
  struct State {
    std::map<std::uint64_t, std::function<void()>> waits;  // what ends them
    std::array<std::size_t, 5> counts{};                   // by kind
    std::uint64_t next_id = 1;
    bool ended = false;
    const os::Clock* clock = nullptr;  // nullptr when the list is gone
    MonoTime last_read_end{};
  };

 public:
  // Keeps one wait in the list while it lives. May outlive the list, as the locals of a coroutine
  // do that is suspended when the program ends.
  class Ticket {
   public:
    Ticket(const OpenWaits& waits, Kind kind, std::function<void()> end);
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

   private:
    std::shared_ptr<State> state_;
    std::uint64_t id_;
    Kind kind_;
  };

  // `clock` outlives it.
  explicit OpenWaits(const os::Clock& clock);
  ~OpenWaits();
  OpenWaits(const OpenWaits&) = delete;
  OpenWaits& operator=(const OpenWaits&) = delete;

  // Calls each wait's `end`, and the one of each later wait at once.
  void EndAll();
  bool ended() const { return state_->ended; }
  std::size_t count(Kind kind) const { return state_->counts[static_cast<std::size_t>(kind)]; }
  // Those of somebody who reads a run or takes a backup, and when the last of them ended; its
  // making, if none did.
  std::size_t reads() const;
  MonoTime last_read_end() const { return state_->last_read_end; }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace vm0::api
