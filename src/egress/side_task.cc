// SPDX-License-Identifier: Apache-2.0
#include "egress/side_task.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace vm0::egress {

SideTask::SideTask(asio::any_io_executor executor)
    : executor_(executor), ended_(executor, asio::steady_timer::time_point::max()) {}

void SideTask::Start(asio::awaitable<void> work) {
  running_ = true;
  asio::co_spawn(executor_, std::move(work), [this](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
    running_ = false;
    ended_.cancel();
  });
}

asio::awaitable<void> SideTask::Join() {
  while (running_) {
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await ended_.async_wait(token);
  }
}

}  // namespace vm0::egress
