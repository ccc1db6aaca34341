// SPDX-License-Identifier: Apache-2.0
#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"
#include "run/prune.h"

namespace vm0::api {
namespace {

Result<run::PruneRequest> ParseRequest(const Call& call) {
  VM0_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_TRY(RefuseUnknownFields(body, {"olderThan", "keep", "dryRun", "after"}));
  VM0_ASSIGN(const auto seconds, IntWithin(body, "olderThan", 0, kMaxDuration.count()));
  if (!seconds)
    return Fail(Code::kBadRequest, "olderThan is missing: seconds since the end of a run");
  VM0_ASSIGN(const auto keep, IntWithin(body, "keep", 0, run::kMostKept));
  VM0_ASSIGN(const auto dry_run, BoolField(body, "dryRun"));
  VM0_ASSIGN(const auto after, StringField(body, "after"));
  run::PruneRequest request;
  if (!call.principal.is_admin()) request.user_id = call.principal.user_id;
  request.older_than = Seconds(*seconds);
  request.keep = static_cast<int>(keep.value_or(0));
  if (dry_run.value_or(false)) request.mode = run::PruneMode::kOnlyCount;
  if (after) request.after = run::PruneCursor::Parse(*after);
  if (after && !request.after)
    return Fail(Code::kBadRequest, "after must be what an answer before had: " + Shown(*after));
  return request;
}

std::string FormatPart(const run::PrunedPart& part) {
  std::vector<std::string> left;
  for (const RunId run : part.left) left.push_back(run.ToString());
  ObjectWriter body;
  body.Number("runs", part.runs).Number("events", part.events).Number("bytes", part.bytes);
  body.Texts("left", left);
  if (part.next) body.Text("after", part.next->ToString());
  return body.Take();
}

}  // namespace

asio::awaitable<Result<Answer>> PostPrune(Call& call) {
  VM0_CO_ASSIGN(run::PruneRequest request, ParseRequest(call));
  const Api::Parts& parts = call.context.parts;
  const std::function<void(RunId)> wake = [&feed = parts.feed](RunId run) { feed.Wake(run); };
  run::Pruner pruner(parts.database, parts.clock, call.context.options.prune_directory, wake);
  const auto part = co_await pruner.Prune(std::move(request));
  if (!part) co_return Fail(part.error());
  co_return JsonResponse(200, FormatPart(*part));
}

}  // namespace vm0::api
