// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/connection.h"
#include "cli/environment.h"
#include "cli/output.h"
#include "os/clock.h"

namespace vm0::cli {

// What main gives each command.
struct Context {
  std::vector<std::string> arguments;  // after the command's name
  Environment environment;
  Output output;
};

// One command's talk with the server: the loop and all that lives on it.
class Session {
 public:
  using Main = std::function<asio::awaitable<int>(Session&)>;
  // Finds the server, starts it where that is ours to do, runs `main` and gives the exit code.
  static int Run(Context& context, Main main);

  Context& context() { return context_; }
  Output& output() { return context_.output; }
  const Environment& environment() const { return context_.environment; }
  asio::io_context& loop() { return loop_; }
  os::Clock& clock() { return *clock_; }
  Connection& connection() { return *connection_; }

  // Ends the command at once, whatever it is at.
  void Leave(int exit_code);

 private:
  explicit Session(Context& context) : context_(context) {}
  Status Connect(int self_fd);
  asio::awaitable<void> Do(Main& main);

  Context& context_;
  asio::io_context loop_;
  std::unique_ptr<os::Clock> clock_;
  std::unique_ptr<Connection> connection_;
  int exit_code_ = 0;
  bool left_ = false;
};

}  // namespace vm0::cli
