// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/clock.h"
#include "runner/cloud.h"
#include "runner/pruning.h"

namespace vm0::runner {

namespace asio = boost::asio;

struct RunnerOptions {
  std::filesystem::path data_dir;
  std::string server_url;  // "unix:<data-dir>/server.sock"
  std::string token;       // may use the runner routes
  std::string machine;     // who we are: stable over restarts
  // Live at once; while there are so many, no run is claimed.
  std::size_t max_concurrent = std::numeric_limits<std::size_t>::max();
  int self_fd = -1;             // our executable (os::OpenSelf): supervisors run the same
  uid_t first_run_uid = 70000;  // used when we are uid 0
  uid_t last_run_uid = 79999;
  std::optional<Cloud> cloud;  // for runs with sandbox e2b; without it they are refused
  // Shared by all runners of the machine, empty after a reboot: who has which of these uids.
  std::filesystem::path uid_registry = "/run/vm0/uids";
};

// Claims runs, prepares their directories, launches one supervisor each, adopts the living and
// buries the dead, at start and whenever a supervisor ends. Runs in the server's process or alone:
// it talks to the API either way. Loop thread only.
class Runner {
 public:
  Runner(asio::io_context& loop, os::Clock& clock, RunnerOptions options);
  ~Runner();  // leaves supervisors running
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Recovers, then claims until Stop. Spawned by the owner on the loop.
  asio::awaitable<void> Run();
  void Stop();
  // Of a run that has ended (runner/pruning.h). kUnavailable when the runner stops.
  asio::awaitable<Result<std::optional<std::int64_t>>> PruneDirectory(std::string run_id,
                                                                      Pruning what);
  // Supervisors that live.
  std::size_t live_runs() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vm0::runner
