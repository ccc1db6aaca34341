// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace vm0::egress {

namespace asio = boost::asio;

// A coroutine that runs beside its owner, who joins it before it goes. Making it end is the owner's
// business. Loop thread only.
class SideTask {
 public:
  explicit SideTask(asio::any_io_executor executor);

  void Start(asio::awaitable<void> work);
  asio::awaitable<void> Join();

 private:
  asio::any_io_executor executor_;
  asio::steady_timer ended_;  // never expires
  bool running_ = false;
};

}  // namespace vm0::egress
