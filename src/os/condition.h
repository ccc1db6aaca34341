// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "os/clock.h"

namespace vm0::os {

namespace asio = boost::asio;

// Lets coroutines of one loop wait until something has changed: `while (!done) co_await c.Wait();`.
// No change between the test and the wait is lost, since nothing else runs there.
class Condition {
 public:
  explicit Condition(asio::any_io_executor executor);

  // Until the next Notify.
  asio::awaitable<void> Wait();
  // The same, or until the deadline; callers look at the clock to tell.
  asio::awaitable<void> WaitUntil(Clock& clock, MonoTime deadline);
  // Wakes all who wait now.
  void Notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;  // never expires
};

}  // namespace vm0::os
