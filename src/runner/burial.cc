// SPDX-License-Identifier: Apache-2.0
#include "runner/burial.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"
#include "os/fault.h"
#include "os/file.h"
#include "runner/log.h"
#include "runner/offload.h"
#include "runner/run_files.h"
#include "sandbox/sandbox.h"

namespace vm0::runner {
namespace {

constexpr Seconds kSlow{60};
constexpr std::string_view kReason = "the supervisor died; everything it had read is kept";
constexpr std::string_view kShortReason =
    "the supervisor died; what the server had of the agent's output is kept, but ";

}  // namespace

Burial::Burial(Context& context, std::string run_id, Standing standing)
    : context_(context),
      run_id_(std::move(run_id)),
      dir_{context.run_dir(run_id_)},
      standing_(standing),
      http_(context.loop, context.clock, context.endpoint) {}

asio::awaitable<Burial::Outcome> Burial::Run() {
  const auto token = os::ReadFile(dir_.token(), 4096);
  if (!token && standing_ == Standing::kUnfinished) {
    Log(run_id_, "can't be ended: " + token.error().message);
    co_return Outcome::kLeft;
  }
  co_await KillLeftovers();
  // The token goes only after the end was acknowledged.
  if (!token) co_return Forget(Verdict::kForgetButSpool);
  client_ = std::make_unique<client::RunClient>(http_, std::string(TrimAscii(*token)));
  co_await OpenSpool();
  const StopSignal::Hook hook(context_.stop, [this] { http_.Close(); });
  while (!context_.stop.stopped()) {
    const Verdict verdict = co_await Step();
    if (context_.stop.stopped()) break;
    if (verdict == Verdict::kGoOn) {
      backoff_.Reset();
    } else if (verdict == Verdict::kAgain) {
      co_await context_.Pause(backoff_.Next());
    } else if (verdict == Verdict::kSlowly) {
      co_await context_.Pause(kSlow);
    } else {
      co_return Forget(verdict);
    }
  }
  co_return Outcome::kStopped;
}

asio::awaitable<void> Burial::KillLeftovers() {
  const auto uid = ReadRunUid(dir_);
  if (uid && !context_.uids.Owns(dir_, *uid).value_or(false)) co_return;
  std::function<Result<int>()> work = [id = run_id_, uid] {
    return sandbox::KillLeftovers(id, uid);
  };
  const auto killed = co_await Offload(context_.pool, std::move(work));
  if (!killed) Log(run_id_, killed.error().message);
}

asio::awaitable<void> Burial::OpenSpool() {
  std::function<Result<std::shared_ptr<DeadSpool>>()> work =
      [path = dir_.spool()]() -> Result<std::shared_ptr<DeadSpool>> {
    VM0_ASSIGN(DeadSpool spool, DeadSpool::Open(path));
    return std::make_shared<DeadSpool>(std::move(spool));
  };
  auto spool = co_await Offload(context_.pool, std::move(work));
  if (spool) {
    spool_ = std::move(*spool);
  } else {
    GiveUpShipping(spool.error());
  }
}

asio::awaitable<Burial::Verdict> Burial::Step() {
  if (!stored_) co_return co_await AskWhatIsStored();
  if (spool_ && *stored_ < spool_->last_sequence()) co_return co_await Ship();
  co_return co_await Complete();
}

asio::awaitable<Burial::Verdict> Burial::AskWhatIsStored() {
  const auto answer = co_await client_->Heartbeat(spool_ ? spool_->last_sequence() : 0);
  if (!answer) co_return Judge(answer.error());
  stored_ = answer->last_sequence;
  co_return Verdict::kGoOn;
}

asio::awaitable<Burial::Verdict> Burial::Ship() {
  std::function<Result<std::string>()> work = [spool = spool_, first = *stored_ + 1] {
    return spool->ReadBatch(first);
  };
  auto batch = co_await Offload(context_.pool, std::move(work));
  if (!batch) {
    GiveUpShipping(batch.error());
    co_return Verdict::kGoOn;
  }
  const auto last = co_await client_->Events(std::move(*batch));
  if (!last) {
    if (last.error().code != Code::kEventMismatch) co_return Judge(last.error());
    GiveUpShipping(last.error());
    co_return Verdict::kGoOn;
  }
  const bool moved = *last > *stored_;
  stored_ = *last;
  co_return moved ? Verdict::kGoOn : Verdict::kAgain;
}

asio::awaitable<Burial::Verdict> Burial::Complete() {
  auto message = MakeEnd();
  (void)os::FaultFails("runner.bury");
  const auto answer = co_await client_->Complete(std::move(message));
  (void)os::FaultFails("runner.buried");
  if (answer) co_return Verdict::kForget;
  // It ended before, in its own way: that end stays.
  if (answer.error().code == Code::kConflict) co_return Verdict::kForget;
  co_return Judge(answer.error());
}

client::CompleteMessage Burial::MakeEnd() const {
  client::CompleteMessage message;
  message.last_sequence = *stored_;
  message.status = "failed";
  message.output_complete = false;
  const Seconds elapsed = std::clamp(dir_.ReadElapsed(), Seconds(0), kMaxDuration);
  message.execution_time_ms = Millis(elapsed).count();
  const bool spool_is_all = spool_ && *stored_ == spool_->last_sequence();
  if (spool_is_all) message.hash = spool_->hash();
  message.reason = kReason;
  if (!spool_problem_.empty()) message.reason = std::string(kShortReason) + spool_problem_;
  return message;
}

Burial::Verdict Burial::Judge(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  if (status >= 500 || status == 429) return Verdict::kAgain;
  if (error.code == Code::kSequenceGap && stored_ && error.number.value_or(0) > 0) {
    const std::int64_t stored = *error.number - 1;
    const bool news = stored != *stored_;
    stored_ = stored;
    return news ? Verdict::kGoOn : Verdict::kAgain;
  }
  if (status == 410 || status == 404) return Verdict::kForget;
  if (status == 401 && standing_ == Standing::kUnknown) return Verdict::kForgetButSpool;
  Log(run_id_, "the server refuses what its dead supervisor left: " + error.message);
  return Verdict::kSlowly;
}

void Burial::GiveUpShipping(const Error& error) {
  Log(run_id_, error.message);
  spool_problem_ = "not all of its spool could be sent: " + error.message;
  spool_.reset();
}

Burial::Outcome Burial::Forget(Verdict verdict) {
  // A spool that the server did not take is left for people.
  const bool keep = verdict == Verdict::kForgetButSpool || !spool_problem_.empty();
  using Spool = supervisor::RunDir::Spool;
  const auto forgotten = dir_.Forget(keep ? Spool::kKeep : Spool::kRemove);
  if (forgotten) return Outcome::kForgotten;
  Log(run_id_, forgotten.error().message);
  return Outcome::kLeft;
}

}  // namespace vm0::runner
