// SPDX-License-Identifier: Apache-2.0
#include "run/rules.h"

#include <utility>

#include "base/run_error.h"
#include "run/ending.h"
#include "run/transition.h"

namespace vm0::run {
namespace {

using store::RunStatus;

// In the words of the reference.
constexpr std::string_view kOverLimit =
    "You have reached the concurrent agent run limit. Please wait for your current run to complete "
    "before starting a new one.";

Result<store::Run> MustFind(store::Stores& stores, RunId id) {
  VM0_ASSIGN(auto run, stores.runs.FindRun(id));
  if (!run) return Fail(Code::kNotFound, "Agent run not found");
  return std::move(*run);
}

Status CheckOpen(const store::Run& run) {
  if (!store::IsTerminal(run.status)) return {};
  return Fail(Code::kRunEnded, "the run has ended: " + std::string(store::NameOf(run.status)));
}

// An attempt that was given back is as void as an older one. (An external run has none to give.)
Status CheckCurrent(const store::Run& run, int attempt) {
  const bool was_given_back = run.status == RunStatus::kPending && !run.external;
  if (attempt == run.attempt && !was_given_back) return {};
  if (attempt == run.attempt) {
    return Fail(Code::kSuperseded, "attempt " + std::to_string(attempt) +
                                       " was given back: the run waits for its next");
  }
  return Fail(Code::kSuperseded, "attempt " + std::to_string(attempt) +
                                     " is not the current one, " + std::to_string(run.attempt));
}

// Stores the row, with a token for its attempt.
Result<Claimed> StoreWithToken(store::Stores& stores, store::Run run, WallTime now) {
  Claimed claimed{std::move(run), store::NewToken("vm0_run_")};
  store::Token token;
  token.id = TokenId::New(now);
  token.kind = store::Token::Kind::kRun;
  token.hash = store::HashToken(claimed.token);
  token.user_id = claimed.run.user_id;
  token.name = "run";
  token.run_id = claimed.run.id;
  token.attempt = claimed.run.attempt;
  token.created_at = now;
  VM0_TRY(stores.runs.UpdateRun(claimed.run));
  VM0_TRY(stores.runs.InsertToken(token));
  return claimed;
}

// One more attempt for `machine`, with a token of its own.
Result<Claimed> Claim(store::Stores& stores, store::Run run, const std::string& machine,
                      WallTime now) {
  run.machine = machine;
  ++run.attempt;
  return StoreWithToken(stores, std::move(run), now);
}

Completion Ended(RunError error, std::string_view detail = "") {
  const RunErrorInfo& info = InfoOf(error);
  Completion completion;
  completion.status = *store::FindRunStatus(info.status);
  completion.reason = Describe(error, detail);
  completion.error_code = info.name;
  return completion;
}

// How often the supervisor could not be started, and why.
std::string DescribeFailures(const store::Run& run) {
  const std::string reason = run.last_failure.value_or("");
  if (run.attempt == 1) return ": " + reason;
  return " " + std::to_string(run.attempt) + " times; the last time: " + reason;
}

Error GapError(std::int64_t offered, std::int64_t stored) {
  return Error{Code::kSequenceGap,
               "the end names event " + std::to_string(offered) + " as the last, but " +
                   std::to_string(stored) + " are stored",
               stored + 1};
}

// Who may end it: the current attempt, or the owner of an external run.
Status CheckMayComplete(const store::Run& run, std::optional<int> attempt) {
  if (attempt) return CheckCurrent(run, *attempt);
  if (run.external) return {};
  return Fail(Code::kRunSupervised, "this run has a supervisor, which alone may end it");
}

// CompleteRepeated, CompleteDifferent. What was computed the first time needs no repeating.
Result<Outcome> CompleteAgain(store::Stores& stores, store::Run run, const Completion& completion) {
  VM0_ASSIGN(const auto first, stores.events.FindEnd(run.id));
  if (!first)
    return Fail(Code::kIo, "run " + run.id.ToString() + ": it ended without an end record");
  auto offered = EndOf(run.id, completion, completion.last_sequence.value_or(first->last_sequence),
                       completion.hash.empty() ? first->hash : completion.hash);
  offered.created_at = first->created_at;
  offered.hashed_by = first->hashed_by;
  if (offered != *first) {
    return Fail(Code::kConflict, "the run has ended already, in another way: " +
                                     std::string(store::NameOf(first->status)));
  }
  return Outcome{std::move(run), false};
}

}  // namespace

Result<NewRow> InsertOnce(store::Stores& stores, const store::Run& run, const QueueLimits& limits) {
  if (run.idempotency_key) {
    VM0_ASSIGN(auto known, stores.runs.FindRunByIdempotencyKey(run.user_id, *run.idempotency_key));
    if (known && known->request_hash != run.request_hash) {
      return Fail(Code::kIdempotencyMismatch,
                  "this Idempotency-Key was used before, with another body");
    }
    if (known) return NewRow{std::move(*known), true};
  }
  const std::int64_t most = limits.unfinished_per_user;
  VM0_ASSIGN(const std::int64_t unfinished, stores.runs.CountUnfinishedOf(run.user_id, most));
  if (unfinished >= most) return Fail(Code::kTooManyRequests, std::string(kOverLimit));
  VM0_TRY(stores.runs.InsertRun(run));
  return NewRow{run, false};
}

Result<std::optional<Claimed>> ClaimNext(store::Stores& stores, const std::string& machine,
                                         const QueueLimits& limits, WallTime now) {
  VM0_ASSIGN(const auto user, NextUser(stores.runs, limits));
  if (!user) return std::nullopt;
  VM0_ASSIGN(auto run, MustFind(stores, user->oldest));
  VM0_TRY(Transition(run, RunStatus::kRunning));
  VM0_TRY(stores.runs.TakeTurn(user->user_id));
  return Claim(stores, std::move(run), machine, now);
}

Result<Outcome> ReleaseRun(store::Stores& stores, const Release& release, WallTime now) {
  VM0_ASSIGN(auto run, MustFind(stores, release.run));
  VM0_TRY(CheckOpen(run));
  const bool is_current = release.attempt == run.attempt;
  if (is_current && run.status == RunStatus::kPending) {  // ReleaseRepeated
    return Outcome{std::move(run), false};
  }
  VM0_TRY(CheckCurrent(run, release.attempt));
  if (run.attempt == 0 || run.machine != release.machine) {
    return Fail(Code::kConflict, "the run was not claimed by machine " + release.machine);
  }
  if (run.started) return Fail(Code::kConflict, "the run has started; it is never started again");
  run.last_failure = release.reason;
  if (run.attempt >= run.max_attempts) {  // ReleaseLast
    VM0_TRY(EndWithStored(stores, run, Ended(RunError::kNeverStarted, DescribeFailures(run)), now));
    return Outcome{std::move(run), true};
  }
  VM0_TRY(Transition(run, RunStatus::kPending));
  run.machine.clear();
  run.held = true;
  VM0_TRY(stores.runs.UpdateRun(run));
  return Outcome{std::move(run), true};
}

Result<Claimed> AdoptRun(store::Stores& stores, const Adoption& adoption, WallTime now) {
  VM0_ASSIGN(auto run, MustFind(stores, adoption.run));
  if (run.external) return Fail(Code::kConflict, "the run has no supervisor");
  VM0_TRY(CheckOpen(run));
  const bool is_newer = adoption.attempt > run.attempt;
  if (!is_newer) VM0_TRY(CheckCurrent(run, adoption.attempt));
  if (!is_newer && run.machine != adoption.machine) {
    return Fail(Code::kConflict, "the run was not claimed by machine " + adoption.machine);
  }
  if (is_newer && run.started) {  // no run is started twice
    return Fail(Code::kConflict, "the run has started with attempt " + std::to_string(run.attempt));
  }
  if (run.status == RunStatus::kPending) VM0_TRY(Transition(run, RunStatus::kRunning));
  run.machine = adoption.machine;
  run.attempt = adoption.attempt;
  run.held = false;
  if (adoption.started && !run.started) {
    run.started = true;
    run.started_at = now;
  }
  return StoreWithToken(stores, std::move(run), now);
}

Status EndHold(store::Stores& stores, RunId id) {
  VM0_ASSIGN(auto run, stores.runs.FindRun(id));
  if (!run || !run->held) return {};
  run->held = false;
  return stores.runs.UpdateRun(*run);
}

Result<std::optional<store::Secrets>> StartRun(store::Stores& stores, RunId id, int attempt,
                                               const store::SecretBox& box, WallTime now) {
  VM0_ASSIGN(auto run, MustFind(stores, id));
  VM0_TRY(Runs::CheckAttempt(run, attempt));
  auto secrets = box.Unseal(run.secrets);
  if (!secrets) {
    // It will not get better, and a supervisor would ask for ever. No answer to start, no agent:
    // also a run whose first answer was lost has none.
    const auto failed = Ended(RunError::kSecretsUnreadable, secrets.error().message);
    VM0_TRY(EndWithStored(stores, run, failed, now));
    return std::nullopt;
  }
  if (!run.started) {
    run.started = true;
    run.started_at = now;
    VM0_TRY(stores.runs.UpdateRun(run));
  }
  return std::move(*secrets);
}

Result<Outcome> CompleteRun(store::Stores& stores, RunId id, std::optional<int> attempt,
                            const Completion& completion, WallTime now) {
  VM0_ASSIGN(auto run, MustFind(stores, id));
  VM0_TRY(CheckMayComplete(run, attempt));
  if (store::IsTerminal(run.status)) return CompleteAgain(stores, std::move(run), completion);
  if (!run.external && !run.started && completion.status == RunStatus::kCompleted) {
    return Fail(Code::kConflict, "the run was never started, so it can not be completed");
  }
  VM0_ASSIGN(const std::int64_t stored, stores.events.LastSequence(id));
  // CompleteMissing, CompleteBeyond.
  const std::int64_t last = completion.last_sequence.value_or(stored);
  if (last != stored) return Fail(GapError(last, stored));
  std::string hash = completion.hash;
  if (hash.empty()) {
    VM0_ASSIGN(hash, stores.events.Hash(id));
  }
  VM0_TRY(EndRun(stores, run, EndOf(id, completion, last, std::move(hash)), completion, now));
  return Outcome{std::move(run), true};
}

Result<Outcome> CancelRun(store::Stores& stores, RunId id, WallTime now) {
  VM0_ASSIGN(auto run, MustFind(stores, id));
  if (store::IsTerminal(run.status)) return Outcome{std::move(run), false};  // CancelEnded
  if (run.started && !run.external) {                                        // CancelStarted
    if (run.cancel_requested_at) return Outcome{std::move(run), false};      // CancelRepeated
    run.cancel_requested_at = now;
    VM0_TRY(stores.runs.UpdateRun(run));
    return Outcome{std::move(run), true};
  }
  // CancelPending, CancelUnstarted; and a run without a supervisor, which nobody else would end.
  run.cancel_requested_at = now;
  const auto cancelled = Ended(run.external ? RunError::kCancelled : RunError::kCancelledUnstarted);
  VM0_TRY(EndWithStored(stores, run, cancelled, now));
  return Outcome{std::move(run), true};
}

Status Runs::CheckAttempt(const store::Run& run, int attempt) {
  VM0_TRY(CheckCurrent(run, attempt));
  return CheckOpen(run);
}

Status Runs::OpenForSupervisor(store::Stores& stores, RunId id, int attempt) {
  VM0_ASSIGN(const auto run, MustFind(stores, id));
  VM0_TRY(CheckAttempt(run, attempt));
  if (!run.started) return Fail(Code::kConflict, "the run has not started: send start first");
  return {};
}

Status Runs::OpenForOutsider(store::Stores& stores, RunId id, WallTime now) {
  VM0_ASSIGN(auto run, MustFind(stores, id));
  if (!run.external) {
    return Fail(Code::kRunSupervised, "this run has a supervisor, which alone sends its events");
  }
  VM0_TRY(CheckOpen(run));
  if (run.status == RunStatus::kRunning) return {};
  VM0_TRY(Transition(run, RunStatus::kRunning));
  run.started = true;
  run.started_at = now;
  return stores.runs.UpdateRun(run);
}

bool Runs::TokenIsVoid(const store::Run& run, int attempt, WallTime now) {
  if (attempt > run.attempt) return true;  // of a database that was put back
  return run.completed_at && now >= *run.completed_at + kTokenGrace;
}

}  // namespace vm0::run
