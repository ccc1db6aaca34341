// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace vm0::api {

// The waits that requests hold open, so that a server that stops can end them all. Loop thread
// only.
class OpenWaits {
 public:
  enum class Kind {
    kRead,     // somebody reads a run: keeps an on-demand server alive
    kMachine,  // a runner or supervisor waits for work
  };

 private:
  struct Wait {
    Kind kind;
    std::function<void()> end;
  };
  struct State {
    std::map<std::uint64_t, Wait> waits;
    std::uint64_t next_id = 1;
    bool ended = false;
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
  };

  // Calls each wait's `end`, and the one of each later wait at once.
  void EndAll();
  bool ended() const { return state_->ended; }
  std::size_t reads() const;

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace vm0::api
