// SPDX-License-Identifier: Apache-2.0
#include "os/task_group.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace vm0::os {

TaskGroup::TaskGroup(asio::any_io_executor executor) : executor_(executor), ended_(executor) {}

void TaskGroup::Spawn(asio::awaitable<void> task) {
  ++running_;
  asio::co_spawn(executor_, std::move(task), [this](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
    --running_;
    ended_.Notify();
  });
}

asio::awaitable<void> TaskGroup::Join() {
  while (running_ > 0) co_await ended_.Wait();
}

}  // namespace vm0::os
