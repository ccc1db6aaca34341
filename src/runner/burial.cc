// SPDX-License-Identifier: Apache-2.0
#include "runner/burial.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/offload.h"
#include "runner/log.h"
#include "runner/run_files.h"
#include "sandbox/sandbox.h"

namespace vm0::runner {
namespace {

constexpr Seconds kSlow{60};
constexpr std::string_view kAllKept = "everything it had read is kept";
constexpr std::string_view kSomeKept = "what the server had of the agent's output is kept";

}  // namespace

Burial::Burial(Context& context, client::RunnerClient& server, std::string run_id, Grounds grounds)
    : context_(context),
      server_(server),
      run_id_(std::move(run_id)),
      dir_{context.run_dir(run_id_)},
      grounds_(grounds),
      had_spec_(HasSpec(dir_)),
      http_(context.loop, context.clock, context.endpoint),
      client_(http_, "") {}

asio::awaitable<Burial::Outcome> Burial::Run() {
  if (had_spec_) co_await KillLeftovers();
  ReadToken();
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
      // Only then where the directory is lost, and with it the proof that its supervisor is dead:
      // it would take that for the end of its agent.
      if (!had_spec_) co_await KillLeftovers();
      co_return Forget(verdict);
    }
  }
  co_return Outcome::kStopped;
}

// It may be lost or damaged.
void Burial::ReadToken() {
  const auto token = os::ReadFile(dir_.token(), 4096);
  const std::string_view text = token ? TrimAscii(*token) : std::string_view();
  has_token_ =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
  if (has_token_) client_.UseToken(std::string(text));
}

asio::awaitable<void> Burial::KillLeftovers() {
  const auto uid = ReadRunUid(dir_);
  if (uid && !context_.uids.Owns(dir_, *uid).value_or(false)) co_return;
  std::function<Result<int>()> work = [id = run_id_, uid] {
    return sandbox::KillLeftovers(id, uid);
  };
  const auto killed = co_await os::Offload(context_.pool, std::move(work));
  if (!killed) Log(run_id_, killed.error().message);
}

asio::awaitable<void> Burial::OpenSpool() {
  std::function<Result<std::shared_ptr<DeadSpool>>()> work =
      [path = dir_.spool()]() -> Result<std::shared_ptr<DeadSpool>> {
    VM0_ASSIGN(DeadSpool spool, DeadSpool::Open(path));
    return std::make_shared<DeadSpool>(std::move(spool));
  };
  auto spool = co_await os::Offload(context_.pool, std::move(work));
  const bool is_lost = grounds_.is_unfinished && ::access(dir_.spool().c_str(), F_OK) != 0;
  if (grounds_.sandbox_is_gone) {
    spool_ = nullptr;
  } else if (spool && is_lost) {
    GiveUpShipping({Code::kNotFound, dir_.spool().string() + " is not there"});
  } else if (spool) {
    spool_ = std::move(*spool);
  } else {
    GiveUpShipping(spool.error());
  }
}

asio::awaitable<Burial::Verdict> Burial::Step() {
  if (!has_token_) co_return co_await Adopt();
  if (!stored_) co_return co_await AskWhatIsStored();
  if (spool_ && *stored_ < spool_->last_sequence()) co_return co_await Ship();
  co_return co_await Complete();
}

asio::awaitable<Burial::Verdict> Burial::Adopt() {
  // Nobody has seen anything of it: whose turn it is next, the server decides.
  if (!grounds_.is_unfinished && !grounds_.has_started) co_return Verdict::kForget;
  auto token = co_await server_.Adopt(run_id_, grounds_.attempt, grounds_.has_started);
  if (!token) co_return JudgeAdoption(token.error());
  client_.UseToken(*std::move(token));
  has_token_ = is_adopted_ = true;
  co_return Verdict::kGoOn;
}

Burial::Verdict Burial::JudgeAdoption(const Error& error) {
  const int status = InfoOf(error.code).http_status;
  if (status >= 500 || status == 429) return Verdict::kAgain;
  if (status == 410) return Verdict::kForget;
  if (status == 404) {
    Log(run_id_,
        "the server knows no such run (was its database put back to an older copy?): its "
        "events are kept in " +
            dir_.spool().string());
    return Verdict::kForgetButSpool;
  }
  Log(run_id_, "the server does not take back what its dead supervisor left: " + error.message);
  return Verdict::kSlowly;
}

asio::awaitable<Burial::Verdict> Burial::AskWhatIsStored() {
  const auto answer = co_await client_.Heartbeat(spool_ ? spool_->last_sequence() : 0);
  if (!answer) co_return Judge(answer.error());
  stored_ = answer->last_sequence;
  co_return Verdict::kGoOn;
}

asio::awaitable<Burial::Verdict> Burial::Ship() {
  std::function<Result<std::string>()> work = [spool = spool_, first = *stored_ + 1] {
    return spool->ReadBatch(first);
  };
  auto batch = co_await os::Offload(context_.pool, std::move(work));
  if (!batch) {
    GiveUpShipping(batch.error());
    co_return Verdict::kGoOn;
  }
  const auto last = co_await client_.Events(std::move(*batch));
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
  const auto answer = co_await client_.Complete(std::move(message));
  (void)os::FaultFails("runner.buried");
  if (answer) co_return Verdict::kForget;
  // It ended before, in its own way: that end stays.
  if (answer.error().code == Code::kConflict) co_return Verdict::kForget;
  co_return Judge(answer.error());
}

client::CompleteMessage Burial::MakeEnd() const {
  client::CompleteMessage message;
  message.last_sequence = *stored_;
  message.output_complete = false;
  const Seconds elapsed = std::clamp(dir_.ReadElapsed(), Seconds(0), kMaxDuration);
  message.execution_time_ms = Millis(elapsed).count();
  const bool spool_is_all = spool_ && *stored_ == spool_->last_sequence();
  if (spool_is_all) message.hash = spool_->hash();
  const RunError cause = Cause();
  message.status = InfoOf(cause).status;
  message.error_code = InfoOf(cause).name;
  const bool is_all = spool_problem_.empty() && !grounds_.sandbox_is_gone;
  std::string kept(is_all ? kAllKept : kSomeKept);
  if (!spool_problem_.empty()) kept += ", but " + spool_problem_;
  message.reason = Describe(cause, kept);
  return message;
}

RunError Burial::Cause() const {
  if (grounds_.sandbox_is_gone) return RunError::kSandboxLost;
  const bool has_files = had_spec_ || spool_;
  if (!has_files && dir_.ReadStarted()) return RunError::kEndLost;
  if (IsFromFormerBoot(dir_)) return RunError::kMachineRestarted;
  return has_files ? RunError::kSupervisorDied : RunError::kDirectoryLost;
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
  // Its token is lost, or the server knows nothing of its start.
  if ((status == 401 || error.code == Code::kConflict) && !is_adopted_) {
    has_token_ = false;
    return Verdict::kGoOn;
  }
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
