// SPDX-License-Identifier: Apache-2.0
#include "runner/runner.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "base/id.h"
#include "client/backoff.h"
#include "client/run_client.h"
#include "os/fault.h"
#include "os/offload.h"
#include "os/wakeup.h"
#include "runner/care.h"
#include "runner/context.h"
#include "runner/log.h"
#include "runner/orphans.h"
#include "runner/run_files.h"
#include "runner/sandbox_note.h"

namespace vm0::runner {
namespace {

constexpr int kClaimWaitSeconds = 30;
constexpr Seconds kHasty{1};  // an empty claim that is answered sooner was not waited for

// What runs of this machine may still need us for: neither finished nor tidied up.
std::set<std::string> FindLeftRuns(const std::filesystem::path& runs_dir) {
  std::set<std::string> ids;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(runs_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto& path = entry->path();
    if (!RunId::Parse(path.filename().string())) continue;
    if (const supervisor::RunDir dir(path); HasSpec(dir) || IsUntidy(dir))
      ids.insert(path.filename().string());
  }
  if (error) Log("", runs_dir.string() + ": " + error.message());
  return ids;
}

}  // namespace

class Runner::Impl final : public Neighbours, public std::enable_shared_from_this<Runner::Impl> {
 public:
  Impl(asio::io_context& loop, os::Clock& clock, RunnerOptions options, http::Endpoint endpoint)
      : context(loop, clock, std::move(options), std::move(endpoint)),
        claim_http_(loop, clock, context.endpoint),
        ask_http_(loop, clock, context.endpoint),
        claim_client_(claim_http_, context.options.token, context.options.machine),
        ask_client_(ask_http_, context.options.token, context.options.machine) {}

  client::RunnerClient& server() override { return ask_client_; }
  bool IsShared(os::FileId folder, const std::string& except_run_id) const override;
  void PlaceFreed() override { cares_changed_.Wake(); }

  // Cares for all runs of this machine that have not ended or are not tidied up, where nobody does.
  asio::awaitable<void> Recover();
  asio::awaitable<void> ClaimUntilStopped();
  asio::awaitable<void> WaitForCares();
  // Sandboxes elsewhere that are nobody's; after Recover, which finds out whose they are.
  void BeginWatchingOrphans();
  void Stop();
  std::size_t live_runs() const;

  Context context;

 private:
  using Cares = std::map<std::string, std::shared_ptr<Care>>;
  static asio::awaitable<void> WatchOrphans(std::shared_ptr<Impl> self);
  static asio::awaitable<void> Attend(std::shared_ptr<Impl> self, std::shared_ptr<Care> care,
                                      std::optional<client::ClaimAnswer> claim,
                                      std::optional<client::UnfinishedRun> known);
  // nullptr when that run is cared for already.
  std::shared_ptr<Care> AddCare(const std::string& run_id);
  void Begin(std::shared_ptr<Care> care, std::optional<client::ClaimAnswer> claim,
             std::optional<client::UnfinishedRun> known);
  asio::awaitable<std::optional<std::vector<client::UnfinishedRun>>> AskForUnfinished();
  // Until there is room for one more run, or the runner stops.
  asio::awaitable<void> WaitForPlace();
  void Take(client::ClaimAnswer claim);
  bool Owns(const e2b::ListedSandbox& sandbox) const;

  http::Client claim_http_;  // its long-polls would hold up everything else
  http::Client ask_http_;
  client::RunnerClient claim_client_;
  client::RunnerClient ask_client_;
  Cares cares_;
  bool is_watching_orphans_ = false;
  os::Wakeup cares_changed_;  // one has ended, or holds no place any more
};

bool Runner::Impl::IsShared(os::FileId folder, const std::string& except_run_id) const {
  for (const auto& [id, care] : cares_) {
    if (id != except_run_id && care->shared_folder() == folder) return true;
  }
  return false;
}

asio::awaitable<void> Runner::Impl::Attend(std::shared_ptr<Impl> self, std::shared_ptr<Care> care,
                                           std::optional<client::ClaimAnswer> claim,
                                           std::optional<client::UnfinishedRun> known) {
  if (claim) {
    co_await care->RunClaimed(std::move(*claim));
  } else {
    co_await care->RunFound(std::move(known));
  }
  self->cares_.erase(care->run_id());
  self->cares_changed_.Wake();
}

std::shared_ptr<Care> Runner::Impl::AddCare(const std::string& run_id) {
  const auto [place, added] = cares_.try_emplace(run_id);
  if (!added) return nullptr;
  place->second = std::make_shared<Care>(context, *this, run_id);
  return place->second;
}

void Runner::Impl::Begin(std::shared_ptr<Care> care, std::optional<client::ClaimAnswer> claim,
                         std::optional<client::UnfinishedRun> known) {
  auto attend = Attend(shared_from_this(), std::move(care), std::move(claim), std::move(known));
  asio::co_spawn(context.loop, std::move(attend), asio::detached);
}

asio::awaitable<std::optional<std::vector<client::UnfinishedRun>>>
Runner::Impl::AskForUnfinished() {
  client::Backoff backoff;
  while (!context.stop.stopped()) {
    auto runs = co_await ask_client_.UnfinishedRuns();
    if (runs) co_return std::move(*runs);
    if (context.stop.stopped()) break;
    if (InfoOf(runs.error().code).http_status < 500) {
      Log("", "can't ask the server for its runs: " + runs.error().message);
    }
    co_await context.Pause(backoff.Next());
  }
  co_return std::nullopt;
}

asio::awaitable<void> Runner::Impl::Recover() {
  if (const auto made = MakeDirectoryOnce(context.runs_dir()); !made) Log("", made.error().message);
  const auto left = FindLeftRuns(context.runs_dir());
  const auto unfinished = co_await AskForUnfinished();
  if (!unfinished) co_return;
  std::map<std::string, std::optional<client::UnfinishedRun>> found;
  for (const auto& id : left) found.emplace(id, std::nullopt);
  for (const auto& run : *unfinished) found[run.id] = run;
  // All of them before the first one goes on: each must see who works in a shared folder.
  std::list<std::shared_ptr<Care>> cares;
  for (const auto& [id, known] : found) {
    if (auto care = AddCare(id)) cares.push_back(std::move(care));
  }
  for (auto& care : cares) {
    auto known = std::move(found[care->run_id()]);
    Begin(std::move(care), std::nullopt, std::move(known));
  }
}

void Runner::Impl::Take(client::ClaimAnswer claim) {
  (void)os::FaultFails("runner.claimed");
  if (auto care = AddCare(claim.run_id)) {
    Begin(std::move(care), std::move(claim), std::nullopt);
  } else {
    cares_.at(claim.run_id)->TakeClaim(std::move(claim));
  }
}

asio::awaitable<void> Runner::Impl::WaitForPlace() {
  const auto is_full = [this] {
    const auto taken = std::ranges::count_if(
        cares_, [](const auto& entry) { return entry.second->holds_place(); });
    return static_cast<std::size_t>(taken) >= context.options.max_concurrent;
  };
  while (!context.stop.stopped() && is_full()) {
    co_await cares_changed_.Wait(context.clock, MonoTime::max());
  }
}

asio::awaitable<void> Runner::Impl::ClaimUntilStopped() {
  client::Backoff backoff;
  bool in_doubt = false;  // a claim that got no answer may have taken a run
  for (;;) {
    co_await WaitForPlace();
    if (context.stop.stopped()) break;
    const MonoTime asked = context.clock.Now();
    auto claim = co_await claim_client_.Claim(kClaimWaitSeconds);
    if (context.stop.stopped()) break;
    const bool waited = context.clock.Now() - asked >= kHasty;
    if (!claim) {
      in_doubt = true;
      if (InfoOf(claim.error().code).http_status < 500) {
        Log("", "the server refuses to give runs to this machine: " + claim.error().message);
      }
    } else if (*claim || waited) {
      backoff.Reset();
      if (*claim) Take(std::move(**claim));
      // Not sooner: by now the server is done with what it was asked before.
      if (std::exchange(in_doubt, false)) co_await Recover();
      continue;
    }
    co_await context.Pause(backoff.Next());
  }
}

bool Runner::Impl::Owns(const e2b::ListedSandbox& sandbox) const {
  const std::string id = RunOf(sandbox);
  if (const auto care = cares_.find(id); care != cares_.end()) {
    return care->second->MayOwn(sandbox.id);
  }
  if (!RunId::Parse(id)) return false;
  // Of a run that nothing can be done about.
  const auto note = ReadSandboxNote(supervisor::RunDir(context.run_dir(id)));
  return !note || (*note && (*note)->sandbox.id == sandbox.id);
}

void Runner::Impl::BeginWatchingOrphans() {
  if (!context.options.cloud || context.stop.stopped()) return;
  is_watching_orphans_ = true;
  auto watch = WatchOrphans(shared_from_this());
  asio::co_spawn(context.loop, std::move(watch), asio::detached);
}

asio::awaitable<void> Runner::Impl::WatchOrphans(std::shared_ptr<Impl> self) {
  IsOwned is_owned = [&self](const e2b::ListedSandbox& sandbox) { return self->Owns(sandbox); };
  co_await RemoveOrphans(self->context, *self->context.options.cloud, std::move(is_owned));
  self->is_watching_orphans_ = false;
  self->cares_changed_.Wake();
}

asio::awaitable<void> Runner::Impl::WaitForCares() {
  while (!cares_.empty() || is_watching_orphans_)
    co_await cares_changed_.Wait(context.clock, MonoTime::max());
}

void Runner::Impl::Stop() {
  if (context.stop.stopped()) return;
  context.stop.Stop();
  cares_changed_.Wake();
  claim_http_.Close();
  ask_http_.Close();
}

std::size_t Runner::Impl::live_runs() const {
  std::size_t count = 0;
  for (const auto& [id, care] : cares_) count += care->has_live_supervisor() ? 1 : 0;
  return count;
}

Runner::Runner(asio::io_context& loop, os::Clock& clock, RunnerOptions options) {
  auto endpoint = http::Endpoint::Parse(options.server_url);
  if (!endpoint) {
    Log("", endpoint.error().message);
    return;
  }
  impl_ = std::make_shared<Impl>(loop, clock, std::move(options), std::move(*endpoint));
}

Runner::~Runner() {
  Stop();
  // Its threads must not outlive the loop that they report to.
  if (!impl_) return;
  impl_->context.pool.join();
  impl_->context.side_threads.Close();
}

asio::awaitable<void> Runner::Run() {
  const auto impl = impl_;
  if (!impl) co_return;
  co_await impl->Recover();
  impl->BeginWatchingOrphans();
  co_await impl->ClaimUntilStopped();
  co_await impl->WaitForCares();
}

void Runner::Stop() {
  if (impl_) impl_->Stop();
}

asio::awaitable<Result<std::optional<std::int64_t>>> Runner::PruneDirectory(std::string run_id,
                                                                            Pruning what) {
  const auto impl = impl_;
  if (!impl || impl->context.stop.stopped()) co_return Fail(Code::kUnavailable, "the runner stops");
  std::function<Result<std::optional<std::int64_t>>()> work =
      [dir = supervisor::RunDir(impl->context.run_dir(run_id)), what] {
        return PruneRunDir(dir, what);
      };
  co_return co_await os::Offload(impl->context.pool, std::move(work));
}

std::size_t Runner::live_runs() const { return impl_ ? impl_->live_runs() : 0; }

}  // namespace vm0::runner
