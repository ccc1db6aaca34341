// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "os/condition.h"

namespace vm0::os {

// Coroutines that run beside their owner, who waits for all of them before it goes. Telling them to
// end is the owner's business. Loop thread only.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);

  void Spawn(asio::awaitable<void> task);
  // Until all have ended.
  asio::awaitable<void> Join();

 private:
  asio::any_io_executor executor_;
  Condition ended_;
  int running_ = 0;
};

}  // namespace vm0::os
