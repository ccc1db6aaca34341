// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "os/condition.h"
#include "supervisor/log.h"
#include "supervisor/masker.h"
#include "supervisor/recorder.h"
#include "supervisor/spool.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Gets events into the spool, one write a burst. When the disk takes no more, what is numbered
// waits here and is tried again each second; readers of the agent's output wait in Ready meanwhile,
// so that the pipes fill up and nothing is lost. An event "disk_full" tells of it as soon as there
// is room. Loop thread only; what it is made of outlives it.
class Journal {
 public:
  struct Parts {
    Spool& spool;
    os::Clock& clock;
    Log& log;
    const Masker& masker;
  };
  // `spooled` is called after each burst that the spool has taken.
  Journal(asio::any_io_executor executor, Parts parts, std::function<void()> spooled);

  // Events of the agent are masked by who classified them, all others here.
  void Add(event::Source source, std::string_view json);
  // Ends a burst.
  void Flush();
  // Until nothing is waiting.
  asio::awaitable<void> Ready();
  bool blocked() const { return blocked_since_.has_value(); }
  // How long the disk has not taken what waits; zero when it does.
  Seconds blocked_for() const;
  // Nobody wants the events any more: what is waiting and what comes is dropped.
  void Discard();
  // Of spool and burst together.
  std::int64_t size() const;
  std::int64_t last_sequence() const { return recorder_.last_sequence(); }
  std::string hash() const { return recorder_.hash(); }

 private:
  void TakeFailure(const Error& error);
  void TellOfWait();

  Parts parts_;
  std::function<void()> spooled_;
  Recorder recorder_;
  os::Condition unblocked_;
  os::Timer retry_;
  std::string burst_;
  std::optional<MonoTime> blocked_since_;
  std::string blocked_by_;  // the error
  bool discarding_ = false;
};

}  // namespace vm0::supervisor
