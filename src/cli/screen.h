// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/top_frame.h"

namespace vm0::cli {

namespace asio = boost::asio;

// The whole terminal, for a command that fills it: a screen of its own, no cursor, keys as they are
// pressed and not shown. What was there before comes back when it is destroyed. stdout must be a
// terminal. Loop thread only.
class Screen {
 public:
  explicit Screen(Stream& out);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // As it is now; 80 × 24 when nobody knows.
  TopSize size() const;
  // In the place of all that is shown. No more lines than rows.
  asio::awaitable<Status> Show(std::vector<std::string> lines);
  // Completes when `q` is pressed; never, if stdin is no terminal.
  static asio::awaitable<void> AwaitQuit();

 private:
  Stream& out_;
  // As they were; who waits on a descriptor makes it non-blocking, for others too.
  std::optional<termios> mode_;  // of stdin
  const int in_flags_;
  const int out_flags_;
};

}  // namespace vm0::cli
