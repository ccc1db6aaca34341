// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupts.h"

#include <boost/asio/use_awaitable.hpp>
#include <csignal>

namespace vm0::cli {

Interrupts::Interrupts(asio::io_context& loop, std::initializer_list<int> signals)
    : signals_(loop), never_(loop, asio::steady_timer::time_point::max()) {
  for (const int signal : signals) {
    struct sigaction current {};
    if (::sigaction(signal, nullptr, &current) == 0 && current.sa_handler == SIG_IGN) continue;
    signals_.add(signal);
    is_empty_ = false;
  }
}

asio::awaitable<int> Interrupts::Next() {
  // Asio forgets to free what waits on a signal_set without signals.
  if (is_empty_) co_await never_.async_wait(asio::use_awaitable);
  co_return co_await signals_.async_wait(asio::use_awaitable);
}

}  // namespace vm0::cli
