// SPDX-License-Identifier: Apache-2.0
#include "os/condition.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace vm0::os {

Condition::Condition(asio::any_io_executor executor)
    : timer_(executor, asio::steady_timer::time_point::max()) {}

asio::awaitable<void> Condition::Wait() {
  boost::system::error_code cancelled;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

asio::awaitable<void> Condition::WaitUntil(Clock& clock, MonoTime deadline) {
  const os::Timer timer(clock, deadline, [this] { Notify(); });
  co_await Wait();
}

}  // namespace vm0::os
