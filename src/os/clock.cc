// SPDX-License-Identifier: Apache-2.0
#include "os/clock.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <optional>

namespace vm0::os {
namespace {

using ErrorCode = boost::system::error_code;

// One Sleep under way. Held by the clock's timer alone, so that it goes when the clock goes.
template <class CompletionHandler>
struct Sleeper {
  std::optional<CompletionHandler> handler;
  Clock* clock;
  Clock::TimerId timer = 0;

  explicit Sleeper(CompletionHandler h, Clock& c) : handler(std::move(h)), clock(&c) {}

  CompletionHandler Take() {
    CompletionHandler taken = std::move(*handler);
    handler.reset();
    return taken;
  }
};

template <class CompletionHandler>
void StartSleep(CompletionHandler handler, Clock& clock, Micros delay) {
  using State = Sleeper<CompletionHandler>;
  auto slot = asio::get_associated_cancellation_slot(handler);
  auto state = std::make_shared<State>(std::move(handler), clock);
  state->timer = clock.After(delay, [state] {
    if (!state->handler) return;
    auto done = state->Take();
    auto executor = asio::get_associated_executor(done);
    asio::dispatch(executor, [done = std::move(done)]() mutable { std::move(done)(ErrorCode{}); });
  });
  if (!slot.is_connected()) return;
  slot.assign([weak = std::weak_ptr<State>(state)](asio::cancellation_type) {
    auto state = weak.lock();
    if (!state || !state->handler) return;
    auto done = state->Take();
    state->clock->Cancel(state->timer);
    auto executor = asio::get_associated_executor(done);
    // Later and not now: whoever cancels does not expect the coroutine to go on inside of the call.
    asio::post(executor, [done = std::move(done)]() mutable {
      std::move(done)(asio::error::operation_aborted);
    });
  });
}

}  // namespace

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this == &other) return *this;
  Cancel();
  clock_ = std::exchange(other.clock_, nullptr);
  alive_ = std::move(other.alive_);
  id_ = other.id_;
  return *this;
}

void Timer::Cancel() {
  Clock* const clock = std::exchange(clock_, nullptr);
  if (clock != nullptr && !alive_.expired()) clock->Cancel(id_);
}

asio::awaitable<void> Sleep(Clock& clock, Micros delay) {
  auto start = [&clock, delay](auto handler) { StartSleep(std::move(handler), clock, delay); };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(ErrorCode)>(
      start, asio::use_awaitable);
}

Result<std::unique_ptr<Clock>> MakeClock(asio::io_context& loop,
                                         [[maybe_unused]] const std::string& role) {
#ifdef VM0_TEST_HOOKS
  if (const char* path = std::getenv("VM0_TEST_CLOCK")) return ConnectTestClock(loop, path, role);
#endif
  return MakeRealClock(loop);
}

}  // namespace vm0::os
