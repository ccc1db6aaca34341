// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxMachineSize = 255;
constexpr std::int64_t kMaxWaitSeconds = 60;

struct ClaimRequest {
  std::string machine;
  Seconds wait{0};
  std::optional<RunId> run;
};

Result<std::string> CheckMachine(const std::optional<std::string>& machine) {
  if (!machine || machine->empty()) return Fail(Code::kBadRequest, "Missing machine");
  if (machine->size() > kMaxMachineSize)
    return Fail(Code::kBadRequest, "machine must be at most 255 bytes");
  return *machine;
}

Result<ClaimRequest> ParseClaim(const http::Request& request) {
  VM0_ASSIGN(const json::object body, ParseBody(request));
  VM0_TRY(CheckVersion(body));
  ClaimRequest claim;
  VM0_ASSIGN(const std::optional<std::string> machine, StringField(body, "machine"));
  VM0_ASSIGN(claim.machine, CheckMachine(machine));
  VM0_ASSIGN(const std::optional<std::int64_t> wait, IntWithin(body, "wait", 0, kMaxWaitSeconds));
  claim.wait = Seconds(wait.value_or(0));
  VM0_ASSIGN(const std::optional<std::string> run, StringField(body, "runId"));
  if (run) {
    VM0_ASSIGN(claim.run, ParseRunId(*run));
  }
  return claim;
}

http::Response ClaimedResponse(const run::Claimed& claimed) {
  ObjectWriter body;
  body.Number("v", 1).Text("runId", claimed.run.id.ToString());
  body.Number("attempt", claimed.run.attempt).Text("token", claimed.token);
  body.Raw("spec", claimed.run.spec);
  return JsonResponse(200, body.Take());
}

asio::awaitable<Result<std::optional<run::Claimed>>> ClaimNext(Call& call,
                                                               const ClaimRequest& request) {
  run::Runs& runs = call.context.parts.runs;
  const auto cancelled = std::make_shared<bool>(false);
  const std::function<void()> cancel = [cancelled, &runs] {
    *cancelled = true;
    runs.WakeClaims();
  };
  OpenWaits::Ticket ticket(call.context.waits, OpenWaits::Kind::kMachine, cancel);
  call.exchange.OnPeerClosed(cancel);
  const MonoTime deadline = call.context.parts.clock.Now() + request.wait;
  co_return co_await runs.Claim(request.machine, deadline, cancelled);
}

}  // namespace

asio::awaitable<Result<Answer>> PostClaim(Call& call) {
  VM0_CO_ASSIGN(const ClaimRequest request, ParseClaim(call.request()));
  if (request.run) {
    const Result<run::Claimed> claimed =
        co_await call.context.parts.runs.Reclaim(request.machine, *request.run);
    if (!claimed) co_return Fail(claimed.error());
    co_return ClaimedResponse(*claimed);
  }
  const Result<std::optional<run::Claimed>> claimed = co_await ClaimNext(call, request);
  if (!claimed) co_return Fail(claimed.error());
  if (!*claimed) co_return http::Response{.status = 204, .headers = {}, .body = {}};
  co_return ClaimedResponse(**claimed);
}

asio::awaitable<Result<Answer>> ListUnfinished(Call& call) {
  const std::optional<std::string> machine = call.target.Query("machine");
  VM0_CO_ASSIGN(const std::string name, CheckMachine(machine));
  VM0_CO_ASSIGN(const std::vector<store::Run> runs, call.reader().runs.UnfinishedRunsOf(name));
  std::string list = "[";
  for (const store::Run& run : runs) {
    if (list.size() > 1) list += ',';
    ObjectWriter entry;
    entry.Text("id", run.id.ToString()).Number("attempt", run.attempt);
    entry.Bool("started", run.started);
    entry.Bool("cancelRequested", run.cancel_requested_at.has_value());
    list += entry.Take();
  }
  ObjectWriter body;
  body.Raw("runs", list + "]");
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
