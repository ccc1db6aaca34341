// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "os/fd.h"

namespace vm0::os {

// Calls `ended` once on the loop when the process of a pidfd has ended, never before; never after
// the watch is destroyed. It may destroy the watch.
class ProcessWatch {
 public:
  ProcessWatch(const boost::asio::any_io_executor& executor, Fd pidfd, std::function<void()> ended);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace vm0::os
