// SPDX-License-Identifier: Apache-2.0
#include "cli/server_process.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "api/create_run.h"
#include "base/text.h"
#include "cli/data_dir.h"
#include "cli/restore.h"
#include "cli/server_log.h"
#include "cli/version.h"
#include "os/descriptor_limit.h"
#include "os/disk.h"

namespace vm0::cli {
namespace {

constexpr Seconds kStopPatience{5};
// For the store, runs that are started, files.
constexpr std::size_t kOtherDescriptors = 256;

// "127.0.0.1:8400" and "[::1]:8400" without the port, in lower case.
std::string HostOf(const std::string& address) {
  return ToLowerAscii(address.substr(0, address.rfind(':')));
}

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return ToLowerAscii(name.data());
}

// As many connections as there may be, but for the descriptors that all else needs.
http::ServerLimits Limits() {
  http::ServerLimits limits;
  const std::size_t descriptors = os::RaiseDescriptorLimit();
  if (descriptors > 2 * kOtherDescriptors)
    limits.connections = std::min(limits.connections, descriptors - kOtherDescriptors);
  return limits;
}

}  // namespace

asio::awaitable<Result<std::unique_ptr<ServerProcess>>> ServerProcess::Start(
    asio::io_context& loop, os::Clock& clock, ServerOptions options, os::FileLock lock,
    std::function<void()> stopped) {
  std::unique_ptr<ServerProcess> server(
      new ServerProcess(loop, clock, std::move(options), std::move(stopped)));
  server->lock_ = std::move(lock);
  VM0_CO_TRY(co_await server->OpenStore());
  server->MakeApi();
  VM0_CO_TRY(server->Listen());
  VM0_CO_TRY(server->StartRunner());
  server->data_dir_watch_.emplace(clock, *server->lock_, server->options_.data_dir,
                                  [it = server.get()] { it->StopForLoss(); });
  // Not for the client that has started us and waits: its run finds out.
  if (server->options_.started_by == StartedBy::kUser)
    asio::post(loop, [it = server.get()] { it->TrySandbox(); });
  co_return server;
}

void ServerProcess::TrySandbox() {
  const auto found = sandboxes_.Find(std::string(api::kDefaultSandbox));
  if (!found) ServerLog(clock_, found.error().message + "; until then runs are refused");
}

ServerProcess::ServerProcess(asio::io_context& loop, os::Clock& clock, ServerOptions options,
                             std::function<void()> stopped)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      stopped_(std::move(stopped)),
      sandboxes_(options_.cloud ? Status() : Status(Fail(options_.cloud.error()))) {}

ServerProcess::~ServerProcess() { clock_.Cancel(stop_timer_); }

asio::awaitable<Status> ServerProcess::OpenStore() {
  const WallTime now = clock_.WallNow();
  VM0_CO_TRY(FinishRestore(options_.data_dir));
  metrics_.emplace(clock_, std::string(kVersion));
  store::CommitObserver* const observer = &*metrics_;
  VM0_CO_ASSIGN(database_, store::OpenSqlite(options_.database, loop_.get_executor(), observer));
  VM0_CO_ASSIGN(box_, store::SecretBox::Open(options_.data_dir / "secret.key"));
  VM0_CO_ASSIGN(machine_, LoadMachineId(options_.data_dir, now));
  VM0_CO_ASSIGN(metrics_token_, LoadMetricsToken(options_.data_dir));
  auto token = co_await LoadAdminToken(options_.data_dir, *database_, now);
  if (!token) co_return Fail(std::move(token).error());
  admin_token_ = std::move(*token);
  token_sweep_.emplace(clock_, *database_);
  co_return Status{};
}

void ServerProcess::MakeApi() {
  feed_ = std::make_unique<feed::Feed>(*database_, clock_, feed::TailLimits{}, &*metrics_);
  runs_ = std::make_unique<run::Runs>(
      *database_, clock_, *box_, [this](RunId run) { feed_->Wake(run); }, options_.queue_limits,
      &*metrics_);
  std::function<void()> handover;
  if (options_.started_by == StartedBy::kClient) handover = [this] { Stop("a newer vm0 asked"); };
  api::ApiOptions api_options{
      .version = std::string(kVersion),
      .machine = machine_,
      .host_names = HostNames(),
      .unsandboxed = options_.unsandboxed,
      .find_sandbox = [this](const std::string& name) { return sandboxes_.Find(name); },
      .prune_directory = [this](RunId run, run::PruneMode mode) { return Prune(run, mode); },
      .allow = options_.allow,
      .deny = options_.deny,
      .write_metrics = [this] { return WriteMetrics(); },
      .metrics_token = metrics_token_};
  const api::Api::Parts parts{*database_, *feed_, *runs_, *box_, clock_, &*metrics_};
  api_ = std::make_unique<api::Api>(parts, std::move(api_options), std::move(handover));
}

std::string ServerProcess::WriteMetrics() {
  return metrics_->Write({*database_, *feed_, *api_, *http_});
}

asio::awaitable<Result<std::optional<std::int64_t>>> ServerProcess::Prune(RunId run,
                                                                          run::PruneMode mode) {
  const bool removes = mode == run::PruneMode::kRemove;
  return runner_->PruneDirectory(run.ToString(),
                                 removes ? runner::Pruning::kRemove : runner::Pruning::kOnlyCount);
}

std::set<std::string> ServerProcess::HostNames() const {
  std::set<std::string> names = {"localhost", "127.0.0.1", "::1", HostOf(options_.listen)};
  if (!options_.public_host.empty()) names.insert(ToLowerAscii(options_.public_host));
  // A server for other machines is known by this one's name, too.
  if (options_.started_by == StartedBy::kUser) names.insert(HostName());
  names.erase("");
  return names;
}

Status ServerProcess::Listen() {
  const http::Handler handler = [this](http::Exchange& exchange) { return api_->Handle(exchange); };
  http_ = std::make_unique<http::Server>(loop_, clock_, Limits(), handler, api::Api::FormatError);
  VM0_ASSIGN(const std::uint16_t port, ListenTcp());
  const std::string host = options_.listen.substr(0, options_.listen.rfind(':'));
  info_ = {.pid = ::getpid(),
           .url = "http://" + host + ":" + std::to_string(port),
           .version = std::string(kVersion),
           .on_demand = options_.started_by == StartedBy::kClient};
  VM0_TRY(WriteServerInfo(options_.data_dir, info_));
  return http_->ListenUnix((options_.data_dir / "server.sock").string());
}

// On demand the port does not matter, but a bookmark of the last one should work again.
Result<std::uint16_t> ServerProcess::ListenTcp() {
  if (options_.started_by == StartedBy::kUser) return http_->ListenTcp(options_.listen);
  const std::string host = options_.listen.substr(0, options_.listen.rfind(':'));
  if (const std::uint16_t before = LoadPort(options_.data_dir)) {
    const auto again = http_->ListenTcp(host + ":" + std::to_string(before));
    if (again) return *again;
  }
  VM0_ASSIGN(const std::uint16_t port, http_->ListenTcp(host + ":0"));
  VM0_TRY(SavePort(options_.data_dir, port));
  return port;
}

Status ServerProcess::StartRunner() {
  runner_ = std::make_unique<runner::Runner>(
      loop_, clock_,
      runner::RunnerOptions{
          .data_dir = options_.data_dir,
          .server_url = "unix:" + (options_.data_dir / "server.sock").string(),
          .token = admin_token_,
          .machine = machine_,
          .max_concurrent = options_.max_concurrent,
          .self_fd = options_.self_fd,
          .cloud = options_.cloud ? std::optional(*options_.cloud) : std::nullopt});
  asio::co_spawn(loop_, runner_->Run(), asio::detached);
  if (options_.started_by == StartedBy::kClient)
    idle_exit_ = std::make_unique<IdleExit>(
        clock_, [this] { return Use(); }, [this] { Stop("idle"); });
  return {};
}

IdleExit::Facts ServerProcess::Use() const {
  // A store that does not answer is no reason to leave runs alone.
  const auto unfinished = database_->reader().runs.CountUnfinished();
  const bool has_runs = !unfinished || *unfinished > 0 || runner_->live_runs() > 0;
  return {.in_use = has_runs || api_->open_reads() > 0, .last_request = api_->last_request()};
}

void ServerProcess::StopForLoss() {
  ServerLog(clock_, "data directory " + options_.data_dir.string() +
                        " was moved away or deleted. Runs of a directory that was moved go on: "
                        "move it back, or serve it where it is now; those of one that was deleted "
                        "are stopped");
  Stop("the data directory is not there any more");
}

void ServerProcess::Stop(std::string_view reason) {
  if (std::exchange(stopping_, true)) return;
  ServerLog(clock_, "stopping: " + std::string(reason) + "; runs go on");
  // Whoever serves there now has one of its own.
  if (!has_lost_data_dir()) (void)os::Remove(ServerInfoPath(options_.data_dir));
  http_->StopListening();
  runner_->Stop();
  api_->EndWaits();
  stop_timer_ = clock_.After(kStopPatience, [this] { http_->CloseConnections(); });
  http_->WhenIdle([this] { FinishStop(); });
}

void ServerProcess::FinishStop() {
  http_->CloseConnections();
  stopped_();
}

}  // namespace vm0::cli
