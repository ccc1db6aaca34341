// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "cli/environment.h"
#include "cli/output.h"
#include "http/client.h"
#include "os/clock.h"

namespace vm0::cli {

namespace asio = boost::asio;

// How long a command waits for a server that starts or makes room.
inline constexpr Seconds kServerPatience{10};

// The user's own server on a data directory, as a client sees it: found, or started in the
// background with an empty environment, or waited for when another client starts it. Says what it
// does in one dim line. Loop thread only.
class LocalServer {
 public:
  struct Parts {
    asio::io_context& loop;
    os::Clock& clock;
    Output& output;
    const Environment& environment;
    int self_fd;  // our executable (os::OpenSelf)
  };
  LocalServer(Parts parts, std::filesystem::path data_dir);

  // Done when a server answers. kUnavailable with the reason when it can't be started, kDeadline
  // after kServerPatience.
  asio::awaitable<Status> Ensure();
  // Ensure, for a client whose server has gone. One that was told to stop has removed its socket,
  // and whoever told it may be starting another, a newer one: that gets a moment first.
  asio::awaitable<Status> EnsureAgain();
  // Ensure; and when the server is older than we are and was started by a client, has it make room
  // for one of ours. Runs go on meanwhile.
  asio::awaitable<Status> EnsureCurrent();
  // Whether the one that answered last may be started again by clients: nobody started it by hand.
  bool is_on_demand() const { return is_on_demand_; }

 private:
  enum class Start { kReady, kLocked };

  // The version of the server that answers.
  asio::awaitable<Result<std::string>> Probe();
  asio::awaitable<Result<Start>> StartOne(MonoTime deadline);
  // Waits a moment for a server that somebody else starts. True when it answers.
  asio::awaitable<bool> WaitForOther(MonoTime deadline);
  asio::awaitable<Status> MakeRoom(std::string version);

  Parts parts_;
  std::filesystem::path data_dir_;
  http::Client http_;
  bool is_on_demand_ = false;
};

// What an on-demand server gets of our environment.
std::map<std::string, std::string> ServerEnvironment(const Environment& ours);

}  // namespace vm0::cli
