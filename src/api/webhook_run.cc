// SPDX-License-Identifier: Apache-2.0
#include "api/webhook_run.h"

#include "api/inputs.h"

namespace vm0::api {

Result<WebhookRun> FindWebhookRun(const Call& call, const std::optional<std::string>& run_id) {
  const Principal& principal = call.principal;
  if (!principal.is_run()) {
    if (!run_id || run_id->empty()) return Fail(Code::kBadRequest, "Missing runId");
    VM0_ASSIGN(store::Run run, FindOwnRun(call, *run_id));
    return WebhookRun{std::move(run), std::nullopt};
  }
  if (run_id) {
    VM0_ASSIGN(const RunId named, ParseRunId(*run_id));
    if (named != principal.run->id) return Fail(Code::kNotFound, "Agent run not found");
  }
  return WebhookRun{*principal.run, principal.attempt};
}

Result<WebhookRun> FindReportingRun(const Call& call, const std::optional<std::string>& run_id) {
  VM0_ASSIGN(WebhookRun found, FindWebhookRun(call, run_id));
  if (!found.attempt && !found.run.external)
    return Fail(Code::kRunSupervised, "This run has a supervisor; only it reports on the run");
  return found;
}

}  // namespace vm0::api
