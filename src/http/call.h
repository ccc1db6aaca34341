// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_set>

#include "http/connection.h"
#include "os/clock.h"

namespace vm0::http {

class Call;
class Turn;

// What the calls of one client share.
struct ClientContext {
  ClientContext(asio::io_context& l, os::Clock& c, Endpoint e)
      : loop(l), clock(c), endpoint(std::move(e)), dialer(l, endpoint) {}

  asio::io_context& loop;
  os::Clock& clock;
  Endpoint endpoint;
  Dialer dialer;
  std::shared_ptr<Connection> kept;
  std::unordered_set<Call*> calls;
  // Whose turn it is to use `kept`: the first.
  std::deque<Turn*> turns;
};

// One request under way: its time limit, and what ends it early. Lives in its coroutine.
class Call {
 public:
  Call(std::shared_ptr<ClientContext> context, Micros timeout);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // The time limit begins anew: there was progress.
  void Restart();
  // Makes the call fail with `error`, now.
  void End(Error error);
  // The error of the call, or else `error` with the endpoint's name before it.
  Error Explain(Error error) const;
  const std::optional<Error>& ended() const { return ended_; }
  // What End has to close or wake.
  void Use(std::shared_ptr<Connection> connection) { connection_ = std::move(connection); }
  void WaitAt(asio::steady_timer* wake) { wake_ = wake; }

 private:
  std::shared_ptr<ClientContext> context_;
  const Micros timeout_;
  std::shared_ptr<Connection> connection_;
  asio::steady_timer* wake_ = nullptr;
  std::optional<Error> ended_;
  os::Timer timer_;
};

// A place in the queue for the kept connection. Given up by its destructor, so that a caller who is
// cancelled, or whose coroutine is destroyed, holds up nobody.
class Turn {
 public:
  explicit Turn(std::shared_ptr<ClientContext> context);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Returns when it is our turn, or the call has ended.
  asio::awaitable<void> Wait(Call& call);

 private:
  std::shared_ptr<ClientContext> context_;
  // Never expires; cancelled to wake. A timer since it belongs to the loop: when that is destroyed,
  // so is the coroutine that waits.
  asio::steady_timer wake_;
};

}  // namespace vm0::http
