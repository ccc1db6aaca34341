// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client/backoff.h"
#include "client/run_client.h"
#include "os/condition.h"
#include "supervisor/answer.h"
#include "supervisor/log.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// The two ways in which the server speaks to a supervisor: the answers to its heartbeats, and the
// control stream. Also tells when the server has fewer events than it acknowledged. Decides
// nothing. Loop thread only; what it is made of outlives it.
class Pulse {
 public:
  struct Parts {
    http::Client& http;  // not the shipper's: a long post must not hold up a heartbeat
    client::RunClient& client;
    os::Clock& clock;
    AnswerRules& rules;
    Log& log;
  };
  struct Events {
    std::function<void()> beat;    // each 10 s
    std::function<void()> cancel;  // asked for; perhaps several times
    std::function<void()> over;    // the run has ended or is somebody else's: stop all
    std::function<std::int64_t()> last_sequence;
    std::function<std::int64_t()> acknowledged;  // the last number that the server said it has
    std::function<void(std::int64_t last)>
        behind;                               // it has no more than that: it has lost the rest
    std::function<Seconds()> waits_for_disk;  // for how long, now
  };
  Pulse(asio::any_io_executor executor, Parts parts, Events events);

  // Both run until Stop or `over`.
  asio::awaitable<void> BeatUntilStopped();
  asio::awaitable<void> ListenUntilStopped();
  void Stop();

 private:
  using Stream = http::ResponseStream;

  asio::awaitable<void> Pause(Micros delay);
  asio::awaitable<void> Listen(Stream& stream);
  void TakeError(const std::string& what, const Error& error);
  void TakeEvent(const http::SseEvent& event);
  void Over();

  Parts parts_;
  Events events_;
  os::Condition stopped_;
  client::Backoff backoff_;
  std::unique_ptr<Stream> stream_;
  bool stopping_ = false;
};

}  // namespace vm0::supervisor
