// SPDX-License-Identifier: Apache-2.0
#include "run/ending.h"

#include <algorithm>

#include "base/text.h"
#include "run/transition.h"

namespace vm0::run {
namespace {

std::string ResultOf(const store::RunEnd& end, const Completion& completion) {
  std::string result = "{";
  if (completion.output) result += "\"output\":" + JsonQuote(*completion.output) + ",";
  result += "\"executionTimeMs\":" + std::to_string(completion.execution_time_ms);
  if (end.exit_code) result += ",\"exitCode\":" + std::to_string(*end.exit_code);
  result += ",\"lastSequence\":" + std::to_string(end.last_sequence);
  result += ",\"outputComplete\":";
  result += end.output_complete ? "true}" : "false}";
  return result;
}

// An outsider's run may end before its first event came.
Status ToTerminal(store::Run& run, store::RunStatus status) {
  if (run.external && run.status == store::RunStatus::kPending &&
      status != store::RunStatus::kCancelled) {
    VM0_TRY(Transition(run, store::RunStatus::kRunning));
  }
  return Transition(run, status);
}

}  // namespace

store::RunEnd EndOf(RunId id, const Completion& completion, std::int64_t last_sequence,
                    std::string hash) {
  store::RunEnd end;
  end.run_id = id;
  end.status = completion.status;
  end.last_sequence = last_sequence;
  end.hash = std::move(hash);
  end.exit_code = completion.exit_code;
  end.signal = completion.signal;
  if (completion.status != store::RunStatus::kCompleted) end.reason = completion.reason;
  end.output_complete = completion.output_complete;
  end.hashed_by = completion.hash.empty() ? store::HashedBy::kServer : store::HashedBy::kSupervisor;
  return end;
}

Status EndRun(store::Stores& stores, store::Run& run, store::RunEnd end,
              const Completion& completion, WallTime now) {
  VM0_TRY(ToTerminal(run, end.status));
  // The wall clock may have been set back since.
  end.created_at = std::max(now, run.started_at.value_or(run.created_at));
  run.completed_at = end.created_at;
  run.error = end.reason;
  if (end.reason) run.error_code = completion.error_code;
  run.result = ResultOf(end, completion);
  run.usage = completion.usage;
  run.secrets.clear();
  run.held = false;
  VM0_TRY(stores.events.InsertEnd(end));
  VM0_TRY(stores.runs.UpdateRun(run));
  return stores.runs.ExpireRunTokens(run.id, *run.completed_at + kTokenGrace);
}

Status EndWithStored(store::Stores& stores, store::Run& run, const Completion& completion,
                     WallTime now) {
  VM0_ASSIGN(const std::int64_t last, stores.events.LastSequence(run.id));
  VM0_ASSIGN(std::string hash, stores.events.Hash(run.id));
  return EndRun(stores, run, EndOf(run.id, completion, last, std::move(hash)), completion, now);
}

}  // namespace vm0::run
