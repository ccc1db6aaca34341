// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "client/backoff.h"
#include "client/run_client.h"
#include "os/condition.h"
#include "supervisor/answer.h"
#include "supervisor/log.h"
#include "supervisor/spool.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Brings the spool's records to the server: all that is pending at once when idle, else as soon as
// the last post has returned. Loop thread only; what it is made of outlives it.
class Shipper {
 public:
  struct Parts {
    Spool& spool;
    client::RunClient& client;
    os::Clock& clock;
    AnswerRules& rules;
    Log& log;
  };
  Shipper(asio::any_io_executor executor, Parts parts);

  // After Reaction::kConflict: a store that was put back to an older copy may know nothing of the
  // start, so says it again. kRetry or kRetryLater when the message is worth another try, else
  // kRefused.
  static asio::awaitable<Reaction> StartAgain(Parts parts);

  enum class Outcome {
    kAll,      // all that the spool holds is stored
    kStopped,  // by Stop
    kRefused,  // see Reaction::kRefused; `refusal` says why
    kGaveUp,   // see Reaction::kGiveUp
  };
  // Ships what there is, for as long as it takes. Stop ends it after the message under way.
  asio::awaitable<Outcome> ShipAll();
  // The same, and then what comes, until Stop.
  asio::awaitable<Outcome> Follow();
  // The spool has more.
  void Notify() { changed_.Notify(); }
  void Stop();

  // Ships again from that number on: the server has those before it. kNotFound when the spool has
  // no such record.
  Status Rewind(std::int64_t sequence);
  // The same while it follows: the server has lost what it had stored from there on.
  void ShipFrom(std::int64_t sequence);
  // The last number that the server said it has stored; falls when it has lost some.
  std::int64_t acknowledged() const { return acknowledged_; }
  const std::string& refusal() const { return refusal_; }

 private:
  asio::awaitable<void> Pause(Micros delay);
  asio::awaitable<std::optional<Outcome>> ShipBatch();
  asio::awaitable<std::optional<Outcome>> TakeError(Batch batch, Error error);
  asio::awaitable<std::optional<Outcome>> GoOnFrom(std::int64_t next);
  bool Halve(const Batch& batch);

  Parts parts_;
  os::Condition changed_;
  client::Backoff backoff_;
  BatchLimits limits_;
  std::int64_t offset_;
  std::int64_t acknowledged_ = 0;
  std::int64_t asked_for_ = 0;  // by the server, the last time it was not satisfied
  bool stopping_ = false;
  std::string refusal_;
};

}  // namespace vm0::supervisor
