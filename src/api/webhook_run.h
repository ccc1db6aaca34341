// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "api/call.h"

namespace vm0::api {

// The run that a webhook message is about.
struct WebhookRun {
  store::Run run;
  std::optional<int> attempt;  // absent: the message is the owner's of an external run
};

// With a run token: its run; `run_id` may be absent and must otherwise name it (kNotFound). With a
// user's token: his run of that id, or kBadRequest "Missing runId".
Result<WebhookRun> FindWebhookRun(const Call& call, const std::optional<std::string>& run_id);
// The same for messages that only belong to a run without a supervisor when a user sends them:
// kRunSupervised otherwise.
Result<WebhookRun> FindReportingRun(const Call& call, const std::optional<std::string>& run_id);

}  // namespace vm0::api
