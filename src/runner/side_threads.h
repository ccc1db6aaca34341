// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/result.h"

namespace vm0::runner {

namespace asio = boost::asio;

// Blocking work that may never come back, such as reading a folder whose file system has gone away:
// each piece has a thread of its own, so that none waits for another. Loop thread only. Owned by
// the runner.
class SideThreads {
 public:
  explicit SideThreads(asio::io_context& loop);
  ~SideThreads();
  SideThreads(const SideThreads&) = delete;
  SideThreads& operator=(const SideThreads&) = delete;

  // Called on the loop when its work has ended.
  using Done = std::function<void()>;
  // `work` owns all that it uses. kUnavailable when there is no thread to be had.
  Status Start(std::function<Done()> work);
  // Before the loop ends: waits a moment for what runs. What goes on then is left behind, and
  // nobody hears its end.
  void Close();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace vm0::runner
