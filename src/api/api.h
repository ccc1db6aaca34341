// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/limits.h"
#include "api/request_counts.h"
#include "feed/feed.h"
#include "http/server.h"
#include "os/clock.h"
#include "run/prune.h"
#include "run/runs.h"
#include "store/database.h"
#include "store/secret_box.h"

namespace vm0::api {

namespace asio = boost::asio;

// Who may run without a sandbox on this server.
enum class Unsandboxed {
  kRefused,    // the default of `vm0 serve`
  kWhenAsked,  // on-demand server: only where the request itself says "sandbox":"none"
  kAllowed,    // --allow-unsandboxed: a config may say it too
};

// What the sandbox of that name can hold a run to, asked for each run anew. kNotFound when the
// server has none of that name; kSandboxUnavailable, with the reason and what to do, when it can't
// be used here now.
using SandboxLookup = std::function<Result<agent::Enforceable>(const std::string& sandbox)>;
// Of a server that isolates nothing: "none" alone, which holds no limit.
Result<agent::Enforceable> FindNoSandbox(const std::string& sandbox);

struct ApiOptions {
  std::string version;
  std::string machine;               // of the runner that shares the data directory
  std::set<std::string> host_names;  // lower case, without port; others are answered with 421
  Unsandboxed unsandboxed = Unsandboxed::kRefused;
  SandboxLookup find_sandbox = FindNoSandbox;              // what the runner has
  run::PruneDirectory prune_directory = run::NoDirectory;  // of the runner's
  // Rules of the allow-list that every run gets on top of its own, and those that win over all.
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  // What GET /metrics answers, and a token that is good for that alone. Empty: 404; none.
  std::function<std::string()> write_metrics = nullptr;
  std::string metrics_token = {};
};

// Sees what readers are given, for metrics. Outlives the Api.
class Observer {
 public:
  virtual ~Observer() = default;
  // A reader that was there already when these events came, and had all before them, has them: its
  // socket took them. The times at which they were read from the agent, ascending. Loop thread.
  virtual void OnDelivered(ReadWay way, std::span<const WallTime> read_at) = 0;
};

// The supervisors of live runs, as far as they were heard of.
struct Supervisors {
  std::size_t alive = 0;
  std::size_t unheard = 0;
  std::size_t waiting_for_disk = 0;
  std::int64_t backlog = 0;  // events in spools that were not stored at their last heartbeats
};

// Who waits for events now, by transport.
struct Readers {
  std::size_t sse = 0;
  std::size_t web_socket = 0;
  std::size_t long_poll = 0;
};

// Every route of vm0 over one set of parts, which it borrows and which outlive it. Loop thread
// only.
class Api {
 public:
  struct Parts {
    store::Database& database;
    feed::Feed& feed;
    run::Runs& runs;
    const store::SecretBox& box;
    os::Clock& clock;
    Observer* observer = nullptr;  // may be nullptr
  };
  // `handover` is called, after the answer was sent, when a newer CLI asks this server to make
  // room. An empty one refuses with 409: a server that somebody started by hand.
  Api(Parts parts, ApiOptions options, std::function<void()> handover);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Answers one request; the server's handler. Nothing is thrown: what a route throws is logged to
  // std::clog and answered with 500.
  asio::awaitable<void> Handle(http::Exchange& exchange);
  // The body and status of an error, for what the server itself refuses.
  static http::Response FormatError(const Error& error);

  // Ends all long waits with what they have, and all that come later at once, so that the server
  // can stop. From then on it is not ready.
  void EndWaits();
  Readers readers() const;
  Supervisors supervisors() const;
  const RequestCounts& counts() const;
  // Waits that keep an on-demand server alive: readers and backups. When the last of them, or
  // request by somebody else than a machine, ended. Requests that need no token do not count.
  std::size_t open_reads() const;
  MonoTime last_request() const;
  // Whether it takes requests and the store answers; what /readyz says.
  bool ready() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vm0::api
