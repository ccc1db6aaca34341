// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "supervisor/run_dir.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Gets the workspace from a machine that goes away with the run to the runner that has rented it:
// packs it, says "packed" on `out`, and waits until the runner, which has fetched the archive, says
// "taken" on `in`, or "lost <reason>" when it never will. Whoever has closed `in` can't say
// anything and is not waited for: he finds the archive. Loop thread only.
class HandOver {
 public:
  struct Line {
    os::Fd in;
    os::Fd out;
  };
  HandOver(asio::any_io_executor executor, RunDir files, Line line);

  // Why the workspace will not be where the runner is; nullopt when it is, or may be.
  asio::awaitable<std::optional<std::string>> Run();
  // Nobody waits for the workspace any more: Run ends. The archive may be there all the same.
  void Stop();

 private:
  asio::awaitable<std::optional<std::string>> ReadWord();

  RunDir files_;
  asio::posix::stream_descriptor in_;
  os::Fd out_;
  asio::thread_pool pool_{1};  // packing blocks
  std::atomic<bool> stopped_ = false;
};

// Packs the workspace to result.tar.gz, whole or not at all; nothing to do when that is there, or
// no workspace. Blocks.
Status PackWorkspace(const RunDir& files, const std::atomic<bool>* stop);

}  // namespace vm0::supervisor
