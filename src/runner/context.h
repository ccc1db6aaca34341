// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <string>

#include "http/client.h"
#include "os/clock.h"
#include "runner/run_uids.h"
#include "runner/runner.h"
#include "runner/side_threads.h"
#include "runner/stop_signal.h"

namespace vm0::runner {

// What all parts of one runner share. Owned by the runner; outlives them. Loop thread only.
struct Context {
  Context(asio::io_context& the_loop, os::Clock& the_clock, RunnerOptions the_options,
          http::Endpoint the_endpoint);

  asio::io_context& loop;
  os::Clock& clock;
  RunnerOptions options;
  http::Endpoint endpoint;
  StopSignal stop;
  RunUids uids;
  asio::thread_pool pool{2};  // for work that blocks for a while: chains of hashes, kills
  SideThreads side_threads;

  std::filesystem::path runs_dir() const { return options.data_dir / "runs"; }
  std::filesystem::path run_dir(const std::string& run_id) const { return runs_dir() / run_id; }

  // Until `delay` is over or the runner stops.
  asio::awaitable<void> Pause(Micros delay);
};

}  // namespace vm0::runner
