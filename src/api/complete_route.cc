// SPDX-License-Identifier: Apache-2.0
#include "api/completion.h"
#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"
#include "api/webhook_run.h"

namespace vm0::api {
namespace {

struct CompleteRequest {
  WebhookRun target;
  run::Completion completion;
};

Result<CompleteRequest> ParseComplete(const Call& call) {
  VM0_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_TRY(CheckVersion(body));
  VM0_ASSIGN(const std::optional<std::string> run_id, StringField(body, "runId"));
  VM0_ASSIGN(WebhookRun target, FindReportingRun(call, run_id));
  auto completion = target.attempt ? ParseCompletion(body) : ParseOutsiderCompletion(body);
  if (!completion) return Fail(completion.error());
  return CompleteRequest{std::move(target), *std::move(completion)};
}

}  // namespace

asio::awaitable<Result<Answer>> PostComplete(Call& call) {
  VM0_CO_ASSIGN(CompleteRequest request, ParseComplete(call));
  const std::optional<int> attempt = request.target.attempt;
  const Result<store::Run> run = co_await call.context.parts.runs.Complete(
      request.target.run.id, attempt, std::move(request.completion));
  if (!run) co_return Fail(run.error());
  call.context.liveness.Forget(run->id);
  ObjectWriter body;
  // The reference's word for its own clients.
  body.Bool(attempt ? "ok" : "success", true).Text("status", store::NameOf(run->status));
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
