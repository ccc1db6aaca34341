// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/outsider_events.h"
#include "api/respond.h"
#include "api/routes.h"
#include "api/webhook_run.h"
#include "event/record.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMostPreparing = 500;

struct OutsiderBatch {
  WebhookRun target;
  std::vector<std::string> events;
  std::optional<std::int64_t> first_sequence;
};

Result<OutsiderBatch> ParseJsonBatch(const Call& call) {
  VM0_ASSIGN(const EventsBody body, ParseEventsBody(call.request().body));
  if (!call.principal.is_run() && body.run_id.value_or("").empty())
    return Fail(Code::kBadRequest, "Missing runId");
  VM0_ASSIGN(std::vector<std::string> events, SplitEventsArray(body.events));
  VM0_ASSIGN(WebhookRun target, FindWebhookRun(call, body.run_id));
  return OutsiderBatch{std::move(target), std::move(events), body.first_sequence};
}

Result<OutsiderBatch> ParseNdjsonBatch(const Call& call) {
  const std::optional<std::string> run_id = call.target.Query("runId");
  if (!call.principal.is_run() && run_id.value_or("").empty())
    return Fail(Code::kBadRequest, "Missing runId");
  std::optional<std::int64_t> first;
  if (call.target.Query("firstSequence")) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    VM0_ASSIGN(first, IntQuery(call.target, "firstSequence", 1, kMost, 1));
  }
  VM0_ASSIGN(std::vector<std::string> events, SplitNdjson(call.request().body));
  VM0_ASSIGN(WebhookRun target, FindWebhookRun(call, run_id));
  return OutsiderBatch{std::move(target), std::move(events), first};
}

asio::awaitable<Result<Answer>> StoreBatch(Call& call, OutsiderBatch batch) {
  const RunId run = batch.target.run.id;
  const WallTime now = call.context.parts.clock.WallNow();
  feed::Feed::Gate gate = [run, now](store::Stores& stores) {
    return run::Runs::OpenForOutsider(stores, run, now);
  };
  const auto received = co_await call.context.parts.feed.AppendRaw(
      run, std::move(batch.events), batch.first_sequence, std::move(gate));
  if (!received) co_return Fail(received.error());
  ObjectWriter body;
  body.Number("received", received->count).Number("firstSequence", received->first_sequence);
  body.Number("lastSequence", received->last_sequence);
  co_return JsonResponse(200, body.Take());
}

Result<WebhookRun> FindRecordsRun(const Call& call) {
  if (!call.principal.is_run())
    return Fail(Code::kForbidden,
                "Records are for run tokens; send JSON or application/x-ndjson instead");
  const auto lines = std::ranges::count(call.request().body, '\n');
  if (static_cast<std::size_t>(lines) > event::kMaxBatchRecords)
    return Fail(Code::kPayloadTooLarge, "Send at most 1000 records at once");
  return FindWebhookRun(call, call.target.Query("runId"));
}

asio::awaitable<Result<Answer>> StoreRecords(Call& call) {
  VM0_CO_ASSIGN(const WebhookRun target, FindRecordsRun(call));
  const RunId run = target.run.id;
  const int attempt = *target.attempt;
  feed::Feed::Gate gate = [run, attempt](store::Stores& stores) {
    return run::Runs::OpenForSupervisor(stores, run, attempt);
  };
  std::string records = call.request().body;
  const Result<std::int64_t> last =
      co_await call.context.parts.feed.Append(run, std::move(records), std::move(gate));
  if (!last) co_return Fail(last.error());
  ObjectWriter body;
  body.Number("lastSequence", *last);
  co_return JsonResponse(200, body.Take());
}

// The run of a message with a JSON body of ours.
Result<WebhookRun> FindRunOfBody(const Call& call, const json::object& body) {
  VM0_TRY(CheckVersion(body));
  VM0_ASSIGN(const std::optional<std::string> run_id, StringField(body, "runId"));
  return FindReportingRun(call, run_id);
}

Status CheckAlive(const WebhookRun& target) {
  return run::Runs::CheckAttempt(target.run, target.attempt.value_or(target.run.attempt));
}

}  // namespace

asio::awaitable<Result<Answer>> PostEvents(Call& call) {
  VM0_CO_ASSIGN(const EventsFormat format, FormatOfEvents(call.request().headers));
  if (format == EventsFormat::kRecords) co_return co_await StoreRecords(call);
  Result<OutsiderBatch> batch =
      format == EventsFormat::kNdjson ? ParseNdjsonBatch(call) : ParseJsonBatch(call);
  if (!batch) co_return Fail(batch.error());
  co_return co_await StoreBatch(call, *std::move(batch));
}

asio::awaitable<Result<Answer>> PostStart(Call& call) {
  VM0_CO_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_CO_ASSIGN(const WebhookRun target, FindRunOfBody(call, body));
  if (!target.attempt)
    co_return Fail(Code::kForbidden, "An external run is started by its first event");
  const Result<store::Secrets> secrets =
      co_await call.context.parts.runs.Start(target.run.id, *target.attempt);
  if (!secrets && secrets.error().code == Code::kRunEnded)
    call.context.liveness.Forget(target.run.id);
  if (!secrets) co_return Fail(secrets.error());
  ObjectWriter variables;
  std::vector<std::string> masked;
  for (const auto& [name, value] : *secrets) {
    if (store::IsMaskedOnly(name)) {
      masked.push_back(value);
    } else {
      variables.Text(name, value);
    }
  }
  ObjectWriter answer;
  answer.Bool("ok", true).Raw("secrets", variables.Take());
  if (!masked.empty()) answer.Texts("masked", masked);
  co_return JsonResponse(200, answer.Take());
}

asio::awaitable<Result<Answer>> PostHeartbeat(Call& call) {
  VM0_CO_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_CO_ASSIGN(const WebhookRun target, FindRunOfBody(call, body));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  VM0_CO_ASSIGN(const auto spooled, IntWithin(body, "lastSequence", 0, kMost));
  VM0_CO_ASSIGN(const auto waited, IntWithin(body, "waitsForDisk", 0, kMost));
  VM0_CO_ASSIGN(auto preparing, StringField(body, "preparing"));
  if (preparing && preparing->size() > kMostPreparing)
    co_return Fail(Code::kBadRequest, "preparing must be at most 500 bytes");
  VM0_CO_TRY(CheckAlive(target));
  VM0_CO_ASSIGN(const std::int64_t last, call.reader().events.LastSequence(target.run.id));
  if (target.attempt) {
    Liveness& liveness = call.context.liveness;
    liveness.WaitsForDisk(target.run.id, Seconds(waited.value_or(0)));
    liveness.Prepares(target.run.id, std::move(preparing).value_or(""));
    liveness.IsBehind(target.run.id, std::max<std::int64_t>(spooled.value_or(last) - last, 0));
  }
  ObjectWriter answer;
  answer.Bool("ok", true).Number("lastSequence", last);
  answer.Bool("cancel", target.run.cancel_requested_at.has_value());
  co_return JsonResponse(200, answer.Take());
}

}  // namespace vm0::api
