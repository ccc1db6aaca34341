// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/run_client.h"
#include "http/client.h"
#include "supervisor/agent_run.h"
#include "supervisor/conclusion.h"
#include "supervisor/hand_over.h"
#include "supervisor/held_limits.h"
#include "supervisor/network.h"
#include "supervisor/pulse.h"
#include "supervisor/run_dir.h"
#include "supervisor/shipper.h"
#include "supervisor/spool.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// One run under its supervisor, from the question whether the agent may start to the acknowledged
// end. The caller holds the run's lock. Loop thread only.
class Supervision {
 public:
  struct Setup {
    RunDir dir;    // under its name: for other processes
    RunDir files;  // the same for ourselves, wherever it is moved to
    StoredRun run;
    std::string token;
    http::Endpoint server;
    std::string search_path;  // for the agent's program
    // False when no server can ever be reached there again.
    std::function<bool()> server_may_return = [] { return true; };
    // On a machine that goes away with the run.
    std::shared_ptr<HandOver> hand_over = nullptr;
  };
  // `spool` is new and empty. What is borrowed outlives the supervision.
  Supervision(asio::io_context& loop, os::Clock& clock, Log& log, Setup setup, Spool spool);
  ~Supervision();
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

  enum class End {
    kAcknowledged,  // nothing is left but workspace, home and log
    kDisowned,      // superseded, ended otherwise, or the token refused for 10 minutes
    kRefused,       // the server takes us for broken: no agent was started
  };
  asio::awaitable<End> Run();
  // The user wants the run to end. Any number of times, at any time.
  void Cancel();

 private:
  using Secrets = std::map<std::string, std::string>;

  asio::awaitable<std::expected<Secrets, End>> AskToStart();
  asio::awaitable<std::optional<End>> TakeStartError(Error error);
  asio::awaitable<Facts> RunAgent(const Secrets& secrets);
  asio::awaitable<void> HandOverWorkspace();
  Status PrepareNetwork(const Secrets& secrets, Transcript& transcript);
  asio::awaitable<void> StopNetwork();
  asio::awaitable<Facts> RunMetered(std::unique_ptr<sandbox::Box> box);
  std::vector<std::filesystem::path> OwnFolders() const;
  Result<std::unique_ptr<sandbox::Box>> StartBox(const Secrets& secrets);
  Result<const sandbox::Driver*> ChooseDriver();
  Status LockUsersFolder(const sandbox::BoxSpec& spec);
  void KillLeftovers();
  Surroundings surroundings();
  bool RenewToken();
  asio::awaitable<void> Ship();
  void Disown();
  asio::awaitable<End> Complete(client::CompleteMessage message);
  client::CompleteMessage MessageOf(const Facts& facts) const;
  asio::awaitable<End> CancelUnstarted();
  Shipper::Parts shipping() { return {spool_, client_, clock_, rules_, log_}; }
  Pulse::Events pulse_events();

  asio::io_context& loop_;
  asio::any_io_executor executor_;
  os::Clock& clock_;
  Log& log_;
  const Setup setup_;
  Masker masker_;
  Spool spool_;
  AnswerRules rules_;
  http::Client http_;
  http::Client pulse_http_;  // heartbeats do not wait behind a batch of events
  client::RunClient client_;
  client::RunClient pulse_client_;
  Shipper shipper_;
  Journal journal_;
  Pulse pulse_;
  os::Condition cancelled_changed_;
  client::Backoff backoff_;
  HeldLimits held_;  // once the driver is chosen
  std::unique_ptr<AgentRun> agent_;
  std::unique_ptr<Network> network_;  // with an allow-list, while the agent runs
  os::Fd users_folder_;               // locked: one run works in it at a time
  MonoTime started_at_{};
  std::optional<MonoTime> ended_at_;  // of the agent
  bool cancelled_ = false;
  bool disowned_ = false;
};

}  // namespace vm0::supervisor
