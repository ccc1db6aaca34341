// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "api/api.h"
#include "cli/data_dir_watch.h"
#include "cli/idle_exit.h"
#include "cli/sandbox_check.h"
#include "cli/server_info.h"
#include "cli/token_sweep.h"
#include "feed/feed.h"
#include "http/server.h"
#include "metrics/metrics.h"
#include "os/clock.h"
#include "os/file.h"
#include "run/runs.h"
#include "runner/runner.h"
#include "store/database.h"
#include "store/secret_box.h"

namespace vm0::cli {

namespace asio = boost::asio;

// Who started the server, and so how it may end.
enum class StartedBy {
  kUser,    // `vm0 serve`: runs until it is told to stop
  kClient,  // on demand: exits when idle, makes room for newer versions
};

struct ServerOptions {
  std::filesystem::path data_dir;
  std::string database;  // SQLite file
  std::string listen;  // "127.0.0.1:8400"; kClient: the port is chosen, and kept for the next time
  std::string public_host;  // another name that requests may be meant for; empty for none
  StartedBy started_by = StartedBy::kUser;
  api::Unsandboxed unsandboxed = api::Unsandboxed::kRefused;
  // Rules for the allow-list of every run.
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::size_t max_concurrent = 1;  // runs of this machine at once
  run::QueueLimits queue_limits;
  // Sandboxes elsewhere for runs, or why there are none and what to do.
  Result<runner::Cloud> cloud = Fail(Code::kSandboxUnavailable, "sandbox e2b is not set up here");
  int self_fd = -1;  // our executable (os::OpenSelf)
};

// A server, from its lock to its last request: store, feed, runs, API, listeners and the runner of
// this machine, wired together. Loop thread only; lives until `stopped` was called, unless it could
// not start.
class ServerProcess {
 public:
  // `lock` proves that the data directory is ours. `stopped` is called once, when Stop has done
  // all.
  static asio::awaitable<Result<std::unique_ptr<ServerProcess>>> Start(
      asio::io_context& loop, os::Clock& clock, ServerOptions options, os::FileLock lock,
      std::function<void()> stopped);
  ~ServerProcess();

  const ServerInfo& info() const { return info_; }
  // Takes no new connections, ends long waits, lets requests finish; after 5 s their connections
  // are closed. Runs go on. What clients look for, the socket and server.json, goes first.
  void Stop(std::string_view reason);
  // Whether it stopped since its data directory was moved away or deleted.
  bool has_lost_data_dir() const { return data_dir_watch_ && data_dir_watch_->is_lost(); }

 private:
  ServerProcess(asio::io_context& loop, os::Clock& clock, ServerOptions options,
                std::function<void()> stopped);
  asio::awaitable<Status> OpenStore();
  void MakeApi();
  Status Listen();
  Status StartRunner();
  // What a prune asks for: the runner has the directories.
  asio::awaitable<Result<std::optional<std::int64_t>>> Prune(RunId run, run::PruneMode mode);
  // Says early what runs would be refused for.
  void TrySandbox();
  Result<std::uint16_t> ListenTcp();
  std::set<std::string> HostNames() const;
  std::string WriteMetrics();
  IdleExit::Facts Use() const;
  void StopForLoss();
  // Once all requests and streams have ended.
  void FinishStop();

  asio::io_context& loop_;
  os::Clock& clock_;
  ServerOptions options_;
  std::function<void()> stopped_;
  std::optional<os::FileLock> lock_;
  std::optional<DataDirWatch> data_dir_watch_;
  std::optional<metrics::Metrics> metrics_;  // before all that it observes
  std::unique_ptr<store::Database> database_;
  std::optional<store::SecretBox> box_;
  std::string admin_token_;
  std::string metrics_token_;
  std::string machine_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<run::Runs> runs_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<runner::Runner> runner_;
  std::unique_ptr<IdleExit> idle_exit_;
  std::optional<TokenSweep> token_sweep_;
  SandboxCheck sandboxes_;
  ServerInfo info_;
  bool stopping_ = false;
  os::Clock::TimerId stop_timer_ = 0;
};

}  // namespace vm0::cli
