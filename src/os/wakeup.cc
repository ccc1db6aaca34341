// SPDX-License-Identifier: Apache-2.0
#include "os/wakeup.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace vm0::os {

// What a wait under way holds; undone also when the coroutine is destroyed in the middle.
class Wakeup::Sleep {
 public:
  Sleep(Wakeup& wakeup, asio::steady_timer& sleeper, Clock& clock, MonoTime deadline)
      : wakeup_(wakeup) {
    wakeup_.sleeper_ = &sleeper;
    if (deadline == MonoTime::max()) return;
    timer_ = Timer(clock, deadline, [&sleeper] { sleeper.cancel(); });
  }
  ~Sleep() { wakeup_.sleeper_ = nullptr; }
  Sleep(const Sleep&) = delete;
  Sleep& operator=(const Sleep&) = delete;

 private:
  Wakeup& wakeup_;
  Timer timer_;  // may outlive the clock, with a coroutine that is suspended when the program ends
};

void Wakeup::Wake() {
  woken_ = true;
  if (sleeper_ != nullptr) sleeper_->cancel();
}

asio::awaitable<void> Wakeup::Wait(Clock& clock, MonoTime deadline) {
  if (std::exchange(woken_, false) || clock.Now() >= deadline) co_return;
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer sleeper(executor, asio::steady_timer::time_point::max());
  Sleep sleep(*this, sleeper, clock, deadline);
  boost::system::error_code cancelled;
  auto token = asio::redirect_error(asio::use_awaitable, cancelled);
  co_await sleeper.async_wait(token);
  woken_ = false;
}

}  // namespace vm0::os
