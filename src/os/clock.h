// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "base/time.h"

namespace vm0::os {

namespace asio = boost::asio;

// Time of one process: what now is, and what happens later. Everything that waits or expires goes
// through it, so that tests own time. Loop thread only (Now and WallNow: any thread). Owned by
// main; outlives everything that uses it (Timers excepted), but not the io_context, which sleeping
// coroutines need to be destroyed: make the loop first, then the clock.
class Clock {
 public:
  using TimerId = std::uint64_t;
  virtual ~Clock() = default;

  virtual MonoTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
  // Calls `action` once on the loop at `deadline` or as soon as possible after it.
  virtual TimerId At(MonoTime deadline, std::function<void()> action) = 0;
  // Forgets a timer; true if it had not fired. An unknown id is fine.
  virtual bool Cancel(TimerId id) = 0;

  TimerId After(Micros delay, std::function<void()> action) {
    return At(Now() + delay, std::move(action));
  }

 private:
  friend class Timer;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

// A timer that is cancelled with its scope. May outlive the clock, as the locals of a coroutine do
// that is suspended when the program ends.
class Timer {
 public:
  Timer() = default;
  Timer(Clock& clock, MonoTime deadline, std::function<void()> action)
      : clock_(&clock), alive_(clock.alive_), id_(clock.At(deadline, std::move(action))) {}
  Timer(Timer&& other) noexcept { *this = std::move(other); }
  Timer& operator=(Timer&& other) noexcept;
  ~Timer() { Cancel(); }
  void Cancel();

 private:
  Clock* clock_ = nullptr;
  std::weak_ptr<const bool> alive_;
  Clock::TimerId id_ = 0;
};

// co_await Sleep(clock, 50ms): resumes at the deadline; with operation_aborted (an exception of
// Asio) when the coroutine is cancelled.
asio::awaitable<void> Sleep(Clock& clock, Micros delay);

// The real time of this machine.
std::unique_ptr<Clock> MakeRealClock(asio::io_context& loop);

// The virtual time of a test: a server on the unix socket `path` owns it. Line protocol, both ways:
//   us → server  "hello <pid> <role>\n", "timer <deadline-µs>\n" (the earliest one changed;
//                -1: none is left),
//                "idle <now-µs>\n" (all timers up to <now-µs> have run)
//   server → us  "now <mono-µs> <wall-µs>\n": first before anything else, then on each advance
// Time never moves by itself. Its connection keeps the loop running until stop(). kIo naming the
// path when nobody answers. Only in builds with VM0_TEST_HOOKS.
Result<std::unique_ptr<Clock>> ConnectTestClock(asio::io_context& loop, const std::string& path,
                                                const std::string& role);

// The real clock, or in test builds the one that VM0_TEST_CLOCK names.
Result<std::unique_ptr<Clock>> MakeClock(asio::io_context& loop, const std::string& role);

// A clock for unit tests: stands still until Advance. Timers that are due already wait for it too.
class FakeClock final : public Clock {
 public:
  ~FakeClock() override;
  MonoTime Now() const override { return now_; }
  WallTime WallNow() const override { return wall_; }
  TimerId At(MonoTime deadline, std::function<void()> action) override;
  bool Cancel(TimerId id) override;
  // Moves both times on and runs what is due, in order of deadlines, timers set meanwhile included.
  void Advance(Micros delay);
  // The wall clock alone jumps, as when somebody sets it.
  void JumpWall(Micros delay) { wall_ += delay; }
  std::size_t pending() const { return timers_.size(); }

 private:
  MonoTime now_{Micros{1'000'000}};
  WallTime wall_{Micros{1'763'625'600'000'000}};  // 2025-11-20T08:00:00Z
  TimerId next_id_ = 1;
  std::map<std::pair<MonoTime, TimerId>, std::function<void()>> timers_;
};

}  // namespace vm0::os
