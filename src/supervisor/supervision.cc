// SPDX-License-Identifier: Apache-2.0
#include "supervisor/supervision.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "agent/limits.h"
#include "os/fault.h"
#include "supervisor/disk_meter.h"
#include "supervisor/launch.h"

namespace vm0::supervisor {
namespace {

std::vector<std::string> ValuesOf(const client::StartAnswer& answer) {
  std::vector<std::string> values = answer.masked;
  for (const auto& [name, value] : answer.secrets) values.push_back(value);
  return values;
}

client::UsageMessage UsageOf(const Facts& facts, const std::vector<std::string>& unenforced) {
  client::UsageMessage usage;
  usage.memory_peak_bytes = facts.usage->memory_peak_bytes;
  usage.pids_peak = facts.usage->pids_peak;
  if (const auto cpu = facts.usage->cpu_us) usage.cpu_ms = *cpu / 1000;
  usage.disk_peak_bytes = facts.disk_peak_bytes;
  usage.oom_kills = facts.usage->oom_kills;
  usage.unenforced = unenforced;
  return usage;
}

}  // namespace

Supervision::Supervision(asio::io_context& loop, os::Clock& clock, Log& log, Setup setup,
                         Spool spool)
    : loop_(loop),
      executor_(loop.get_executor()),
      clock_(clock),
      log_(log),
      setup_(std::move(setup)),
      spool_(std::move(spool)),
      rules_(clock, surroundings()),
      http_(loop, clock, setup_.server),
      pulse_http_(loop, clock, setup_.server),
      client_(http_, setup_.token),
      pulse_client_(pulse_http_, setup_.token),
      shipper_(executor_, shipping()),
      journal_(executor_, {spool_, clock, log, masker_}, [this] { shipper_.Notify(); }),
      pulse_(executor_, {pulse_http_, pulse_client_, clock, rules_, log}, pulse_events()),
      cancelled_changed_(executor_) {
  log_.MaskWith(&masker_);
}

Supervision::~Supervision() { log_.MaskWith(nullptr); }

Pulse::Events Supervision::pulse_events() {
  return {.beat =
              [this] {
                const auto elapsed = clock_.Now() - started_at_;
                const auto seconds = std::chrono::duration_cast<Seconds>(elapsed);
                if (auto status = setup_.files.WriteElapsed(seconds); !status) {
                  log_.Write(status.error().message);
                }
              },
          .cancel = [this] { Cancel(); },
          .over = [this] { Disown(); },
          .last_sequence = [this] { return journal_.last_sequence(); },
          .acknowledged = [this] { return shipper_.acknowledged(); },
          .behind =
              [this](std::int64_t last) {
                log_.Write("the server has " + std::to_string(last) +
                           " events: it gets the others again");
                shipper_.ShipFrom(last + 1);
              },
          .waits_for_disk = [this] { return journal_.blocked_for(); }};
}

Surroundings Supervision::surroundings() {
  return {.renew_token = [this] { return RenewToken(); },
          .server_may_return = [this] { return setup_.server_may_return(); }};
}

// The runner puts a new token there when the server does not know ours any more (its database was
// put back to an older copy), and takes the file away when the server does not know the run.
bool Supervision::RenewToken() {
  auto token = setup_.files.ReadToken();
  if (!token && token.error().code == Code::kNotFound) {
    log_.Write("there is no token for this run any more");
    return false;
  }
  if (!token) return true;
  client_.UseToken(*token);
  pulse_client_.UseToken(*std::move(token));
  return true;
}

asio::awaitable<Supervision::End> Supervision::Run() {
  const auto secrets = co_await AskToStart();
  if (cancelled_) co_return co_await CancelUnstarted();
  if (!secrets) co_return secrets.error();
  (void)os::FaultFails("supervisor.started");
  // It counts only where the server's database is put back to an older copy: no reason not to run.
  const auto noted = setup_.files.NoteStarted(setup_.run.attempt);
  if (!noted) log_.Write(noted.error().message);
  started_at_ = clock_.Now();
  os::TaskGroup tasks(executor_);
  tasks.Spawn(Ship());
  tasks.Spawn(pulse_.BeatUntilStopped());
  tasks.Spawn(pulse_.ListenUntilStopped());
  const Facts facts = co_await RunAgent(*secrets);
  ended_at_ = clock_.Now();
  if (setup_.hand_over && !disowned_) co_await HandOverWorkspace();
  auto message = MessageOf(facts);
  pulse_.Stop();
  shipper_.Stop();
  co_await tasks.Join();
  if (disowned_) co_return End::kDisowned;
  co_return co_await Complete(std::move(message));
}

void Supervision::Cancel() {
  // The server says it again and again: only news are a reason not to wait for the workspace.
  if (!cancelled_ && ended_at_ && setup_.hand_over) setup_.hand_over->Stop();
  cancelled_ = true;
  cancelled_changed_.Notify();
  if (agent_) agent_->Cancel();
}

void Supervision::Disown() {
  disowned_ = true;
  if (agent_) agent_->Abandon();
  if (setup_.hand_over) setup_.hand_over->Stop();
}

asio::awaitable<void> Supervision::HandOverWorkspace() {
  const auto lost = co_await setup_.hand_over->Run();
  if (!lost || disowned_) co_return;
  const std::string message =
      "the workspace could not be brought to the machine of the runner: " + *lost;
  log_.Write(message);
  journal_.Add(event::Source::kVm0, MakeVm0Event("workspace_lost", message, {}));
  journal_.Flush();
  co_await journal_.Ready();
}

asio::awaitable<std::expected<Supervision::Secrets, Supervision::End>> Supervision::AskToStart() {
  while (!cancelled_) {
    (void)os::FaultFails("supervisor.start");
    auto answer = co_await client_.Start();
    if (answer) {
      rules_.Accepted();
      masker_ = Masker(ValuesOf(*answer));
      co_return std::move(answer->secrets);
    }
    const auto end = co_await TakeStartError(answer.error());
    if (end) co_return std::unexpected(*end);
  }
  co_return std::unexpected(End::kDisowned);
}

asio::awaitable<std::optional<Supervision::End>> Supervision::TakeStartError(Error error) {
  log_.Write("start: " + error.message);
  const Reaction reaction = rules_.React(error);
  if (reaction == Reaction::kGiveUp) co_return End::kDisowned;
  if (reaction == Reaction::kRefused || reaction == Reaction::kConflict) co_return End::kRefused;
  const Micros delay = reaction == Reaction::kRetry ? backoff_.Next() : Micros(kRetryLater);
  const MonoTime until = clock_.Now() + delay;
  while (!cancelled_ && clock_.Now() < until) {
    co_await cancelled_changed_.WaitUntil(clock_, until);
  }
  co_return std::nullopt;
}

// Whether `start` was answered and the answer lost does not matter: no agent runs.
asio::awaitable<Supervision::End> Supervision::CancelUnstarted() {
  client::CompleteMessage message;
  message.status = InfoOf(RunError::kCancelledUnstarted).status;
  message.reason = Describe(RunError::kCancelledUnstarted);
  message.error_code = InfoOf(RunError::kCancelledUnstarted).name;
  co_return co_await Complete(std::move(message));
}

asio::awaitable<Facts> Supervision::RunAgent(const Secrets& secrets) {
  Facts facts;
  const agent::RunSpec& spec = setup_.run.spec;
  const agent::Dialect* dialect = agent::FindDialect(spec.dialect);
  if (dialect == nullptr) {
    facts.exit = Fail(Code::kBadRequest, "dialect \"" + spec.dialect + "\" is unknown here");
    co_return facts;
  }
  const Transcript::Limits limits{static_cast<std::size_t>(spec.line_limit_bytes),
                                  spec.spool_limit_bytes};
  Transcript transcript(journal_, masker_, *dialect, limits, [this] {
    const std::int64_t limit = setup_.run.spec.spool_limit_bytes;
    agent_->Stop(EndedBy::kSpoolFull, agent::FormatLimit(limit), "");
  });
  const auto prepared = PrepareNetwork(secrets, transcript);
  auto box = prepared ? StartBox(secrets) : Fail(prepared.error());
  if (!box) {
    facts.exit = Fail(box.error());
    co_return facts;
  }
  (void)os::FaultFails("supervisor.launched");
  if (network_) network_->ListenOn((*box)->proxy_channel());
  const AgentRun::Parts parts{clock_, log_, journal_, transcript};
  agent_ = std::make_unique<AgentRun>(executor_, parts, held_.limits);
  log_.Write("the agent runs");
  facts = co_await RunMetered(std::move(*box));
  co_await StopNetwork();
  log_.Write("the agent has ended");
  (void)os::FaultFails("supervisor.exited");
  // A launcher that was killed could not clean up after itself.
  if (!facts.exit) KillLeftovers();
  facts.has_terminal_event = dialect->has_terminal_event();
  agent_.reset();
  co_return facts;
}

Status Supervision::PrepareNetwork(const Secrets& secrets, Transcript& transcript) {
  if (setup_.run.spec.network != "allowlist") return {};
  VM0_ASSIGN(NetworkPlan plan, PlanNetwork(setup_.run.spec, secrets));
  const Network::Parts parts{loop_, clock_, log_, journal_,
                             [&transcript] { transcript.CheckSpool(); }};
  network_ = std::make_unique<Network>(parts, std::move(plan));
  return {};
}

// The events of what was open come before the run's end, too.
asio::awaitable<void> Supervision::StopNetwork() {
  if (!network_) co_return;
  network_->Stop();
  network_.reset();
  co_await journal_.Ready();
}

// With an eye on the disk, where there is a limit.
asio::awaitable<Facts> Supervision::RunMetered(std::unique_ptr<sandbox::Box> box) {
  const agent::Limits& limits = held_.limits;
  if (!limits.disk_bytes || !limits.files) co_return co_await agent_->Run(std::move(box));
  DiskMeter::Task task{.folders = OwnFolders(),
                       .limit_bytes = *limits.disk_bytes,
                       .limit_files = *limits.files,
                       .exceeded = [this](std::string passed) {
                         agent_->Stop(EndedBy::kDiskLimit, std::move(passed), "disk_limit");
                       }};
  DiskMeter meter(executor_, clock_, std::move(task));
  os::TaskGroup metering(executor_);
  metering.Spawn(meter.Run());
  Facts facts = co_await agent_->Run(std::move(box));
  meter.Stop();
  co_await metering.Join();
  facts.disk_peak_bytes = meter.peak_bytes();
  co_return facts;
}

// What the run itself takes of the disk: not a user's folder that it works on in place.
std::vector<std::filesystem::path> Supervision::OwnFolders() const {
  std::vector<std::filesystem::path> folders = {setup_.files.home(), setup_.files.tmp()};
  using Mode = agent::Workspace::Mode;
  const Mode mode = setup_.run.spec.workspace.mode;
  if (mode == Mode::kFresh || mode == Mode::kCopy) folders.push_back(setup_.files.workspace());
  return folders;
}

Result<const sandbox::Driver*> Supervision::ChooseDriver() {
  const std::string& name = setup_.run.spec.sandbox;
  const sandbox::Driver* driver = sandbox::FindDriver(name);
  if (driver == nullptr) {
    return Fail(Code::kSandboxUnavailable, "sandbox \"" + name + "\" is not available here");
  }
  const std::string& network = setup_.run.spec.network;
  if (!driver->isolates() && network != "full") {
    return Fail(Code::kSandboxUnavailable, "sandbox " + name + " can't hold network " + network);
  }
  VM0_ASSIGN(held_, HoldLimits(setup_.run.spec.limits, *driver));
  return driver;
}

Result<std::unique_ptr<sandbox::Box>> Supervision::StartBox(const Secrets& secrets) {
  VM0_ASSIGN(const sandbox::Driver* driver, ChooseDriver());
  VM0_ASSIGN(auto spec, MakeBoxSpec(setup_.run, setup_.dir, secrets, setup_.search_path));
  spec.limits = BoxLimits(held_.limits);
  if (network_) network_->ApplyTo(spec.environment);
  VM0_TRY(LockUsersFolder(spec));
  return driver->Start(spec);
}

void Supervision::KillLeftovers() {
  const auto uid = setup_.files.ReadUid();
  const auto killed = sandbox::KillLeftovers(setup_.run.run_id, uid.value_or(std::nullopt));
  if (!killed) log_.Write(killed.error().message);
  // One that has forgotten its environment is found as our child.
  const auto orphans = sandbox::KillOrphans();
  if (!orphans) log_.Write(orphans.error().message);
}

Status Supervision::LockUsersFolder(const sandbox::BoxSpec& spec) {
  if (spec.workspace_kind != sandbox::WorkspaceKind::kUsers) return {};
  users_folder_ = os::Fd(::open(spec.workspace.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!users_folder_.is_open()) return Fail(SystemError("open", spec.workspace.native()));
  if (::flock(users_folder_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno == EWOULDBLOCK) {
    return Fail(Code::kConflict, "another run works in " + spec.workspace.native() +
                                     " (:rw): wait for its end, or use :copy");
  }
  log_.Write(SystemError("lock", spec.workspace.native()).message);  // it can't be had there
  return {};
}

asio::awaitable<void> Supervision::Ship() {
  const auto outcome = co_await shipper_.Follow();
  if (outcome == Shipper::Outcome::kGaveUp) Disown();
  if (outcome != Shipper::Outcome::kRefused) co_return;
  log_.Write("the server refused the events: " + shipper_.refusal());
  if (agent_) agent_->Stop(EndedBy::kRefused, shipper_.refusal(), "");
}

client::CompleteMessage Supervision::MessageOf(const Facts& facts) const {
  Judgement judgement = Judge(facts);
  client::CompleteMessage message;
  message.last_sequence = journal_.last_sequence();
  message.hash = journal_.hash();
  message.status = std::move(judgement.status);
  message.exit_code = judgement.exit_code;
  message.signal = judgement.signal;
  if (judgement.reason) message.reason = masker_.Mask(*judgement.reason);
  if (judgement.output) message.output = masker_.Mask(*judgement.output);
  message.error_code = std::move(judgement.error_code);
  if (facts.usage) message.usage = UsageOf(facts, held_.unenforced);
  const auto elapsed = ended_at_.value_or(started_at_) - started_at_;
  message.execution_time_ms = std::chrono::duration_cast<Millis>(elapsed).count();
  return message;
}

asio::awaitable<Supervision::End> Supervision::Complete(client::CompleteMessage message) {
  const std::string status = message.status;
  (void)os::FaultFails("supervisor.completing");
  const auto conclusion = co_await Conclude(shipper_, shipping(), std::move(message));
  if (conclusion != Conclusion::kAcknowledged) co_return End::kDisowned;
  (void)os::FaultFails("supervisor.complete");
  log_.Write("the end is acknowledged: " + status);
  const auto forgotten = setup_.files.Forget(RunDir::Spool::kRemove);
  if (!forgotten) log_.Write(forgotten.error().message);  // the runner finds it, and tries again
  co_return End::kAcknowledged;
}

}  // namespace vm0::supervisor
