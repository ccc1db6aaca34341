// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "agent/spec.h"
#include "client/backoff.h"
#include "client/run_client.h"
#include "os/file.h"
#include "os/file_tree.h"
#include "os/process.h"
#include "runner/burial.h"
#include "runner/cloud_care.h"
#include "runner/context.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// What the runner as a whole can tell one of its runs.
class Neighbours {
 public:
  virtual ~Neighbours() = default;
  virtual client::RunnerClient& server() = 0;
  // Whether another run works on that folder in place.
  virtual bool IsShared(os::FileId folder, const std::string& except_run_id) const = 0;
  // A run does not hold its place any more.
  virtual void PlaceFreed() = 0;
};

// One run on this machine, from its claim, or from when it was found, until nothing of it is left
// to do: launches or adopts its supervisor, watches it, and when it is gone launches again, buries,
// or tidies up. Ships nothing itself (Burial). Owned by the runner, one per run. Loop thread only.
class Care {
 public:
  Care(Context& context, Neighbours& neighbours, std::string run_id);
  Care(const Care&) = delete;
  Care& operator=(const Care&) = delete;

  // Call one of them, once. Ends early when the runner stops; supervisors go on.
  asio::awaitable<void> RunClaimed(client::ClaimAnswer claim);
  // `known`: what the server says of it; nullopt when it is not among those that have not ended.
  asio::awaitable<void> RunFound(std::optional<client::UnfinishedRun> known);
  // The server gave the run to this machine although it is cared for here: it was given back, and
  // what is left of it is still tidied up.
  void TakeClaim(client::ClaimAnswer claim) { claim_ = std::move(claim); }

  const std::string& run_id() const { return run_id_; }
  bool has_live_supervisor() const { return has_live_supervisor_; }
  // Whether it counts as one of the runs that this machine has at once: its supervisor lives, or
  // is about to, or we don't know yet.
  bool holds_place() const { return holds_place_; }
  // Whether a sandbox of that id may be its own: the one that it notes, or any while one is made.
  bool MayOwn(const std::string& sandbox_id) const { return cloud_.MayOwn(sandbox_id); }
  // The folder that it works on in place, once known.
  const std::optional<os::FileId>& shared_folder() const { return shared_folder_; }

 private:
  using Known = std::optional<client::UnfinishedRun>;
  enum class Next { kLookAgain, kDone };

  asio::awaitable<void> GoOn(std::optional<Known> known);
  asio::awaitable<Next> Decide(const Known& known);
  asio::awaitable<Next> DecideAlone(const Known& known);
  asio::awaitable<Next> DecideOnClaim();
  // Its supervisor has told the server of the end, and got its word: nothing to ask.
  bool HasSeenItThrough() const;
  // Nobody was allowed to start its agent: whose turn it is next, the server decides.
  asio::awaitable<Next> GiveBack(int attempt, std::string reason);
  void FreePlace();
  // The server's word now; nullopt inside for a run that it does not count among the unfinished.
  asio::awaitable<Known> AskServer();

  // The lock is held until the supervisor is started.
  asio::awaitable<Next> Launch(client::ClaimAnswer claim);
  asio::awaitable<Next> LaunchPrepared(int attempt);
  // The same in a sandbox elsewhere.
  asio::awaitable<Next> LaunchInCloud(client::ClaimAnswer claim, agent::RunSpec spec);
  // What an earlier runner had prepared for one.
  asio::awaitable<Next> LaunchWaiting(int attempt);
  Result<agent::RunSpec> CheckSpec(const client::ClaimAnswer& claim);
  Status ChooseUid();
  Status TakeLock();
  asio::awaitable<void> CompleteUnstarted(client::ClaimAnswer claim, std::string reason);

  asio::awaitable<void> WatchChild(os::Child child);
  asio::awaitable<void> WatchStranger(bool cancel_requested);
  bool LockIsFree() const;

  // Until no supervisor lives there, or the runner stops.
  asio::awaitable<void> AttendSandbox();

  asio::awaitable<Next> Bury(Burial::Grounds grounds);
  // Nothing is left to ship: takes workspace and home back from the run's uid, frees it.
  asio::awaitable<void> TidyUp();

  Context& context_;
  Neighbours& neighbours_;
  const std::string run_id_;
  const supervisor::RunDir dir_;
  CloudCare cloud_;
  std::optional<client::ClaimAnswer> claim_;  // not acted on yet
  std::optional<os::FileLock> lock_;
  std::optional<os::FileId> shared_folder_;
  std::optional<uid_t> run_uid_;
  bool has_live_supervisor_ = false;
  bool holds_place_ = true;
  std::optional<os::ExitStatus> last_end_;  // of the last supervisor that was our child
};

}  // namespace vm0::runner
