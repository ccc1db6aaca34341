// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "os/clock.h"
#include "os/timer_queue.h"

namespace vm0::os {
namespace {

// One timer of Asio for the earliest deadline: most of ours are cancelled long before they are due
// (each request has some), and cost no system call.
class RealClock final : public Clock {
 public:
  explicit RealClock(asio::io_context& loop) : timer_(loop) {}

  // steady_clock is CLOCK_MONOTONIC on Linux.
  MonoTime Now() const override {
    return std::chrono::time_point_cast<Micros>(std::chrono::steady_clock::now());
  }
  WallTime WallNow() const override {
    return std::chrono::time_point_cast<Micros>(std::chrono::system_clock::now());
  }

  TimerId At(MonoTime deadline, std::function<void()> action) override {
    const TimerId id = queue_.Add(deadline, std::move(action));
    if (!armed_for_ || deadline < *armed_for_) Arm(deadline);
    return id;
  }

  bool Cancel(TimerId id) override {
    if (!queue_.Cancel(id)) return false;
    // With others left it may fire for nothing; with none it must not keep the loop running.
    if (!queue_.next() && armed_for_) {
      armed_for_.reset();
      timer_.cancel();
    }
    return true;
  }

 private:
  void Arm(MonoTime deadline) {
    armed_for_ = deadline;
    const std::uint64_t round = ++round_;
    timer_.expires_at(deadline);
    timer_.async_wait([this, round, alive = std::weak_ptr<bool>(alive_)](const auto&) {
      if (!alive.expired() && round == round_ && armed_for_) Fire();
    });
  }

  void Fire() {
    armed_for_.reset();
    queue_.Run(Now());
    const auto next = queue_.next();
    if (next && (!armed_for_ || *next < *armed_for_)) Arm(*next);
  }

  asio::steady_timer timer_;
  std::optional<MonoTime> armed_for_;
  std::uint64_t round_ = 0;  // tells the present wait from one that was replaced
  // The wait's completion may run after us.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  TimerQueue queue_;
};

}  // namespace

std::unique_ptr<Clock> MakeRealClock(asio::io_context& loop) {
  return std::make_unique<RealClock>(loop);
}

}  // namespace vm0::os
