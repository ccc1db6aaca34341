// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "http/client.h"

namespace vm0::client {

namespace asio = boost::asio;

// What a run used, and which of its default limits this machine could not hold it to.
struct UsageMessage {
  std::optional<std::int64_t> memory_peak_bytes;
  std::optional<std::int64_t> pids_peak;
  std::optional<std::int64_t> cpu_ms;
  std::optional<std::int64_t> disk_peak_bytes;
  std::int64_t oom_kills = 0;
  std::vector<std::string> unenforced;  // "memory", "pids", "cpu", "disk", "files", "open_files"
};

// What `complete` says; see docs/protocol.md 4.
struct CompleteMessage {
  std::int64_t last_sequence = 0;
  std::string status;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<std::string> reason;
  std::optional<std::string> output;
  bool output_complete = true;
  std::int64_t execution_time_ms = 0;
  std::string hash;  // empty: the server computes it
  // The name of an error (base/error.h) where the run ended for one: SANDBOX_UNAVAILABLE.
  std::optional<std::string> error_code;
  std::optional<UsageMessage> usage;
};

struct StartAnswer {
  std::map<std::string, std::string> secrets;  // variables of the agent
  std::vector<std::string> masked;             // what else must not be shown
};
struct HeartbeatAnswer {
  std::int64_t last_sequence = 0;
  bool cancel = false;
};

// The messages of a supervisor or burier: one call, one request, no retries (the callers know what
// to do with each answer). Loop thread only.
class RunClient {
 public:
  RunClient(http::Client& http, std::string run_token);

  asio::awaitable<Result<StartAnswer>> Start();
  // Records as in the spool; the last number stored.
  asio::awaitable<Result<std::int64_t>> Events(std::string records);
  // `waits_for_disk`: for how long the disk of its spool has been full.
  asio::awaitable<Result<HeartbeatAnswer>> Heartbeat(std::int64_t last_sequence,
                                                     Seconds waits_for_disk = Seconds(0));
  // Of a runner, before the agent can be started: what the run waits for, for people.
  asio::awaitable<Result<HeartbeatAnswer>> Preparing(std::string what);
  asio::awaitable<Status> Complete(CompleteMessage message);
  // From the next message on.
  void UseToken(std::string run_token) { token_ = std::move(run_token); }
  // The control stream, server-sent events.
  asio::awaitable<Result<std::unique_ptr<http::ResponseStream>>> Control();

 private:
  asio::awaitable<Result<HeartbeatAnswer>> SendHeartbeat(json::object body);

  http::Client& http_;
  std::string token_;
};

struct ClaimAnswer {
  std::string run_id;
  int attempt = 0;
  std::string token;
  json::object spec;  // agent::RunSpec
};
struct UnfinishedRun {
  std::string id;
  int attempt = 0;
  bool started = false;
  bool cancel_requested = false;
};

// The messages of a runner.
class RunnerClient {
 public:
  RunnerClient(http::Client& http, std::string token, std::string machine);

  // nullopt when there was nothing within `wait_seconds`.
  asio::awaitable<Result<std::optional<ClaimAnswer>>> Claim(int wait_seconds);
  // Gives a run back that was claimed and could not be started.
  asio::awaitable<Status> Release(std::string run_id, int attempt, std::string reason);
  // The token of an attempt that this machine has the directory of.
  asio::awaitable<Result<std::string>> Adopt(std::string run_id, int attempt, bool started);
  asio::awaitable<Result<std::vector<UnfinishedRun>>> UnfinishedRuns();

 private:
  http::Client& http_;
  std::string token_;
  std::string machine_;
};

}  // namespace vm0::client
