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
constexpr std::size_t kMaxReasonBytes = 4096;

struct ClaimRequest {
  std::string machine;
  Seconds wait{0};
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
  VM0_TRY(RefuseUnknownFields(body, {"v", "machine", "wait"}));
  ClaimRequest claim;
  VM0_ASSIGN(const std::optional<std::string> machine, StringField(body, "machine"));
  VM0_ASSIGN(claim.machine, CheckMachine(machine));
  VM0_ASSIGN(const std::optional<std::int64_t> wait, IntWithin(body, "wait", 0, kMaxWaitSeconds));
  claim.wait = Seconds(wait.value_or(0));
  return claim;
}

// The attempt of a machine that a message is about: of run::Release and run::Adoption.
template <class Message>
Status ReadAttempt(const json::object& body, Message& message) {
  VM0_TRY(CheckVersion(body));
  VM0_ASSIGN(const std::optional<std::string> machine, StringField(body, "machine"));
  VM0_ASSIGN(message.machine, CheckMachine(machine));
  VM0_ASSIGN(const std::optional<std::string> run, StringField(body, "runId"));
  if (!run) return Fail(Code::kBadRequest, "Missing runId");
  VM0_ASSIGN(message.run, ParseRunId(*run));
  VM0_ASSIGN(const std::optional<std::int64_t> attempt,
             IntWithin(body, "attempt", 1, run::kMostAttempts));
  if (!attempt) return Fail(Code::kBadRequest, "Missing attempt");
  message.attempt = static_cast<int>(*attempt);
  return {};
}

Result<run::Adoption> ParseAdoption(const http::Request& request) {
  VM0_ASSIGN(const json::object body, ParseBody(request));
  run::Adoption adoption;
  VM0_TRY(ReadAttempt(body, adoption));
  VM0_ASSIGN(const std::optional<bool> started, BoolField(body, "started"));
  if (!started) return Fail(Code::kBadRequest, "Missing started");
  adoption.started = *started;
  return adoption;
}

Result<run::Release> ParseRelease(const http::Request& request) {
  VM0_ASSIGN(const json::object body, ParseBody(request));
  run::Release release;
  VM0_TRY(ReadAttempt(body, release));
  VM0_ASSIGN(const std::optional<std::string> reason, StringField(body, "reason"));
  if (!reason || reason->empty()) return Fail(Code::kBadRequest, "Missing reason");
  if (reason->size() > kMaxReasonBytes)
    return Fail(Code::kBadRequest, "reason must be at most 4096 bytes");
  release.reason = *reason;
  return release;
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
  const Result<std::optional<run::Claimed>> claimed = co_await ClaimNext(call, request);
  if (!claimed) co_return Fail(claimed.error());
  if (!*claimed) co_return http::Response{.status = 204, .headers = {}, .body = {}};
  co_return ClaimedResponse(**claimed);
}

asio::awaitable<Result<Answer>> PostRelease(Call& call) {
  VM0_CO_ASSIGN(run::Release release, ParseRelease(call.request()));
  const Result<store::Run> run = co_await call.context.parts.runs.GiveBack(std::move(release));
  if (!run) co_return Fail(run.error());
  if (store::IsTerminal(run->status)) call.context.liveness.Forget(run->id);
  ObjectWriter body;
  body.Bool("ok", true).Text("status", store::NameOf(run->status));
  co_return JsonResponse(200, body.Take());
}

asio::awaitable<Result<Answer>> PostAdopt(Call& call) {
  VM0_CO_ASSIGN(run::Adoption adoption, ParseAdoption(call.request()));
  const Result<std::string> token = co_await call.context.parts.runs.Adopt(std::move(adoption));
  if (!token) co_return Fail(token.error());
  ObjectWriter body;
  body.Number("v", 1).Text("token", *token);
  co_return JsonResponse(200, body.Take());
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
