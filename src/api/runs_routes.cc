// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/adapter.h"
#include "api/config_references.h"
#include "api/create_run.h"
#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"
#include "api/run_request.h"
#include "api/run_view.h"
#include "base/text.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxKeySize = 255;
constexpr std::int64_t kDefaultListed = 50;
constexpr std::int64_t kMaxListed = 100;

Result<ChosenAgent> FindById(const Call& call, const RunRequest& request) {
  const std::string& text = *request.agent_config_id;
  const std::optional<ConfigId> id = ConfigId::Parse(text);
  if (!id) return Fail(Code::kBadRequest, "Invalid agentConfigId: " + Shown(text));
  VM0_ASSIGN(const auto row, call.reader().runs.FindConfig(call.principal.user_id, *id));
  if (!row) return Fail(Code::kNotFound, "Agent config not found");
  return ChooseConfig(call, *row, request);
}

Result<ChosenAgent> FindByName(const Call& call, const RunRequest& request) {
  const std::string& name = *request.agent;
  if (agent::FindAdapter(name) != nullptr) {
    ChosenAgent chosen;
    chosen.config.name = name;
    chosen.config.provider = name;
    return chosen;
  }
  VM0_ASSIGN(const auto row, call.reader().runs.FindConfigByName(call.principal.user_id, name));
  if (!row) return Fail(Code::kNotFound, "Agent config not found: " + Shown(name));
  return ChooseConfig(call, *row, request);
}

Result<std::optional<std::string>> IdempotencyKey(const http::Request& request) {
  const auto header = request.headers.Find("idempotency-key");
  if (!header) return std::optional<std::string>();
  const std::string_view key = TrimAscii(*header);
  const bool visible = std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; });
  if (key.empty() || key.size() > kMaxKeySize || !visible)
    return Fail(Code::kBadRequest, "Idempotency-Key must be 1 to 255 visible ASCII characters");
  return std::string(key);
}

// Makes variables of those that the request only names.
Status TakeStoredSecrets(const Call& call, RunRequest& request) {
  std::vector<std::string> missing;
  for (const std::string& name : request.stored_secrets) {
    VM0_ASSIGN(auto value, FindStoredSecret(call, name));
    if (value) {
      request.secrets.emplace(name, *std::move(value));
    } else {
      missing.push_back(name);
    }
  }
  if (missing.empty()) return {};
  return Fail(Code::kBadRequest, DescribeMissing(missing, {}));
}

Result<run::NewRun> ParseNewRun(const Call& call) {
  VM0_ASSIGN(const std::optional<std::string> key, IdempotencyKey(call.request()));
  VM0_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_ASSIGN(RunRequest request, ParseRunRequest(body));
  VM0_TRY(TakeStoredSecrets(call, request));
  VM0_ASSIGN(const ChosenAgent chosen,
             request.agent_config_id ? FindById(call, request) : FindByName(call, request));
  const ApiOptions& options = call.context.options;
  const RunPolicy policy{options.unsandboxed, options.find_sandbox, call.principal.host_scope,
                         options.allow, options.deny};
  VM0_ASSIGN(run::NewRun run, MakeRun(request, chosen, policy));
  run.user_id = call.principal.user_id;
  run.idempotency_key = key;
  if (key) run.request_hash = store::HashToken(call.request().body);
  return run;
}

Result<std::vector<store::RunStatus>> ParseStatuses(const http::Target& target) {
  std::vector<store::RunStatus> statuses;
  const std::optional<std::string> text = target.Query("status");
  if (!text) return statuses;
  for (const std::string_view name : Split(*text, ',')) {
    const std::optional<store::RunStatus> status = store::FindRunStatus(name);
    if (!status)
      return Fail(Code::kBadRequest, "status \"" + Shown(name) +
                                         "\" is none of pending, running, completed, failed, "
                                         "timeout, cancelled");
    statuses.push_back(*status);
  }
  return statuses;
}

Result<store::RunFilter> ParseFilter(const Call& call) {
  store::RunFilter filter;
  filter.user_id = call.principal.user_id;
  VM0_ASSIGN(filter.statuses, ParseStatuses(call.target));
  filter.agent_name = call.target.Query("agent").value_or("");
  VM0_ASSIGN(filter.created_since, TimeQuery(call.target, "since"));
  VM0_ASSIGN(filter.created_until, TimeQuery(call.target, "until"));
  VM0_ASSIGN(const std::int64_t limit,
             IntQuery(call.target, "limit", 1, kMaxListed, kDefaultListed));
  filter.limit = static_cast<int>(limit);
  return filter;
}

// The places of the caller's runs, where one of these may have one.
Result<run::QueuePlaces> PlacesOf(const Call& call, const std::vector<store::Run>& runs) {
  const bool has_pending = std::ranges::any_of(
      runs, [](const store::Run& run) { return run.status == store::RunStatus::kPending; });
  if (!has_pending) return run::QueuePlaces();
  return run::QueuePlaces::Of(call.reader().runs, call.principal.user_id);
}

// Absent for a run without events; a damaged one shall not hide the run.
std::optional<WallTime> LastEventAt(const Call& call, const store::Run& run,
                                    const Result<std::int64_t>& last) {
  if (!last || *last == 0) return std::nullopt;
  feed::Feed& feed = call.context.parts.feed;
  const auto head = feed.ReadHead(run.id, *last);
  if (!head) return std::nullopt;
  const auto events = feed.ReadEvents(*head, *last - 1, 1, 1);
  if (!events || events->empty()) return std::nullopt;
  return events->back()->created_at;
}

RunContext ContextOf(const Call& call, const store::Run& run, const run::QueuePlaces& places) {
  RunContext context;
  context.place = places.PlaceOf(run.id);
  if (store::IsTerminal(run.status))
    context.pruned = call.reader().events.FindPruned(run.id).value_or(store::Pruned());
  if (run.status != store::RunStatus::kRunning) return context;
  const Result<std::int64_t> last = call.reader().events.LastSequence(run.id);
  if (last) context.last_sequence = *last;
  context.activity = call.context.liveness.Describe(run, LastEventAt(call, run, last));
  return context;
}

std::string_view CancelMessage(const store::Run& run) {
  if (run.status == store::RunStatus::kCancelled) return "Run cancelled successfully";
  if (store::IsTerminal(run.status)) return "Run had already ended";
  return "Cancel requested";
}

}  // namespace

asio::awaitable<Result<Answer>> PostRun(Call& call) {
  VM0_CO_ASSIGN(run::NewRun request, ParseNewRun(call));
  const Result<run::Runs::Created> created =
      co_await call.context.parts.runs.Create(std::move(request));
  if (!created) co_return Fail(created.error());
  const std::string id = created->run.id.ToString();
  ObjectWriter body;
  body.Text("runId", id).Text("status", store::NameOf(created->run.status));
  body.Time("createdAt", created->run.created_at);
  http::Response response = JsonResponse(201, body.Take());
  response.headers.Set("Location", "/api/agent/runs/" + id);
  if (created->repeated) response.headers.Set("Idempotent-Replayed", "true");
  co_return response;
}

asio::awaitable<Result<Answer>> ListRuns(Call& call) {
  VM0_CO_ASSIGN(const store::RunFilter filter, ParseFilter(call));
  VM0_CO_ASSIGN(const std::vector<store::Run> runs, call.reader().runs.ListRuns(filter));
  VM0_CO_ASSIGN(const run::QueuePlaces places, PlacesOf(call, runs));
  std::string list = "[";
  for (const store::Run& run : runs) {
    if (list.size() > 1) list += ',';
    list += FormatListedRun(run, ContextOf(call, run, places));
  }
  ObjectWriter body;
  body.Raw("runs", list + "]");
  co_return JsonResponse(200, body.Take());
}

asio::awaitable<Result<Answer>> GetRun(Call& call) {
  VM0_CO_ASSIGN(const store::Run run, FindOwnRun(call, call.id));
  VM0_CO_ASSIGN(const std::int64_t last, call.reader().events.LastSequence(run.id));
  std::vector<std::string> secret_names;
  if (!run.secrets.empty()) {
    // With another secret.key nobody can tell their names; its start says so.
    const auto secrets = call.context.parts.box.Unseal(run.secrets);
    for (const auto& [name, value] : secrets.value_or(store::Secrets()))
      if (!store::IsMaskedOnly(name)) secret_names.push_back(name);
  }
  VM0_CO_ASSIGN(const run::QueuePlaces places, PlacesOf(call, {run}));
  const RunContext context = ContextOf(call, run, places);
  VM0_CO_ASSIGN(std::string body, FormatRun(run, secret_names, last, context));
  co_return JsonResponse(200, std::move(body));
}

asio::awaitable<Result<Answer>> PostCancel(Call& call) {
  VM0_CO_ASSIGN(const store::Run own, FindOwnRun(call, call.id));
  const Result<store::Run> run = co_await call.context.parts.runs.Cancel(own.id);
  if (!run) co_return Fail(run.error());
  if (store::IsTerminal(run->status)) call.context.liveness.Forget(run->id);
  ObjectWriter body;
  body.Text("id", run->id.ToString()).Text("status", store::NameOf(run->status));
  body.TimeIf("cancelRequestedAt", run->cancel_requested_at).Text("message", CancelMessage(*run));
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
