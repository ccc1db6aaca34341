// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <initializer_list>

namespace vm0::cli {

namespace asio = boost::asio;

// The signals that ask a command to end, one after the other. Signals that were ignored when we
// started (nohup, background jobs of scripts) stay ignored.
class Interrupts {
 public:
  Interrupts(asio::io_context& loop, std::initializer_list<int> signals);
  // The next one; never, if all are ignored. One call at a time.
  asio::awaitable<int> Next();

 private:
  asio::signal_set signals_;
  asio::steady_timer never_;
  bool is_empty_ = true;
};

}  // namespace vm0::cli
