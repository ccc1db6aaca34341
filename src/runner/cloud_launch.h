// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "agent/spec.h"
#include "client/backoff.h"
#include "client/run_client.h"
#include "e2b/control_plane.h"
#include "e2b/envd.h"
#include "runner/cloud.h"
#include "runner/context.h"
#include "runner/sandbox_note.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// Brings a claimed run into a sandbox of its own: makes it, notes it, sends our executable and the
// run's files, starts the supervisor there. What E2B refuses for now (rate limit, no capacity, 5xx,
// no network) is waited out, and said to whoever looks at the run. One attempt each; the caller
// holds the run's lock and has prepared its directory. Loop thread only.
class CloudLaunch {
 public:
  CloudLaunch(Context& context, const Cloud& cloud, supervisor::RunDir dir,
              client::ClaimAnswer claim, agent::RunSpec spec);

  // kUnavailable: another attempt may do better (the sandbox ended too soon), or the runner stops.
  // Other errors are for good, and say for people what is wrong. The sandbox, if there is one, is
  // in the run's note either way.
  asio::awaitable<Status> Run();

 private:
  using Step = std::function<asio::awaitable<Status>()>;
  asio::awaitable<Status> Create();
  asio::awaitable<Status> TryToCreate(std::string image);
  asio::awaitable<Status> SendFiles();
  asio::awaitable<Status> SendProgram();
  asio::awaitable<Status> SendFile(std::string name);
  asio::awaitable<Status> StartSupervisor();
  // Until it is done, is refused for good, or the run is not wanted any more. `what` it is.
  asio::awaitable<Status> Insist(std::string what, Step step);
  asio::awaitable<Status> WaitOut(const std::string& what, const Error& error,
                                  client::Backoff& backoff);
  asio::awaitable<Status> Say(std::string what);
  Status Note(SandboxNote::State state);
  std::string SpecThere() const;

  Context& context_;
  const Cloud& cloud_;
  const supervisor::RunDir dir_;
  const client::ClaimAnswer claim_;
  const agent::RunSpec spec_;
  e2b::ControlPlane control_;
  http::Client server_http_;
  client::RunClient server_;
  std::optional<e2b::Sandbox> sandbox_;
  std::optional<e2b::Envd> envd_;
};

}  // namespace vm0::runner
