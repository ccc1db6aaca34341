// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"

#include <algorithm>
#include <exception>
#include <iostream>
#include <utility>

#include "api/call.h"
#include "api/host_check.h"
#include "api/respond.h"
#include "api/router.h"

namespace vm0::api {
namespace {

// One line for whoever runs the server; the peer gets no details.
void Log(const http::Request& request, std::string_view what) {
  const std::string_view path =
      std::string_view(request.target).substr(0, request.target.find('?'));
  std::string line = "vm0: ";
  line.append(request.method).append(" ").append(path.substr(0, 200)).append(": ").append(what);
  std::ranges::replace(line, '\n', ' ');
  std::clog << line + "\n" << std::flush;
}

http::Response MethodNotAllowed(const http::Request& request, const std::string& allow) {
  http::Response response = ErrorResponse(
      {Code::kMethodNotAllowed, request.method + " is not allowed here; allowed: " + allow});
  response.headers.Set("Allow", allow);
  return response;
}

}  // namespace

class Api::Impl {
 public:
  Impl(Parts parts, ApiOptions options, std::function<void()> handover)
      : context_{parts,
                 std::move(options),
                 std::move(handover),
                 OpenWaits(parts.clock),
                 Liveness(parts.clock),
                 FramesMaker(parts.feed),
                 RequestCounts{},
                 parts.clock.Now()} {}

  asio::awaitable<void> Handle(http::Exchange& exchange);
  bool ready() const;

  OpenWaits& waits() { return context_.waits; }
  const OpenWaits& waits() const { return context_.waits; }
  const RequestCounts& counts() const { return context_.counts; }
  const Liveness& liveness() const { return context_.liveness; }
  MonoTime last_request() const {
    return std::max(context_.last_request, context_.waits.last_read_end());
  }

 private:
  asio::awaitable<void> Serve(http::Exchange& exchange);
  // A handler to call, or what to answer instead.
  struct Plan {
    const Route* route = nullptr;
    http::Response refusal;
  };
  Plan Prepare(Call& call);
  Result<Plan> TryPrepare(Call& call);
  // The handler's answer, or the one to its error.
  asio::awaitable<Answer> Run(Call& call, const Route& route);
  // Whether the request shows that somebody uses this server.
  static bool IsUse(const Call& call, const Route& route) {
    return route.access != Access::kOpen && route.access != Access::kRunner &&
           route.access != Access::kMetrics && !call.principal.is_run();
  }
  Status Admit(Call& call, Access access);

  Context context_;
};

Result<Api::Impl::Plan> Api::Impl::TryPrepare(Call& call) {
  const http::Request& request = call.request();
  VM0_TRY(CheckHost(request, call.exchange.transport(), context_.options.host_names));
  VM0_ASSIGN(call.target, http::ParseTarget(request.target));
  RouteMatch match = FindRoute(request.method, call.target);
  if (match.allow.empty()) {
    return Fail(Code::kNotFound,
                "No such route: " + request.method + " " + call.target.path.substr(0, 200));
  }
  if (match.route == nullptr) return Plan{nullptr, MethodNotAllowed(request, match.allow)};
  call.id = std::move(match.id);
  call.group = GroupOf(match.route->pattern);
  VM0_TRY(Admit(call, match.route->access));
  return Plan{match.route, {}};
}

Status Api::Impl::Admit(Call& call, Access access) {
  if (access == Access::kOpen) return {};
  if (access == Access::kMetrics && HasToken(call.request(), context_.options.metrics_token))
    return {};
  VM0_ASSIGN(call.principal,
             Authenticate(call.request(), call.reader().runs, context_.parts.clock.WallNow()));
  return Authorize(call.principal, access);
}

Api::Impl::Plan Api::Impl::Prepare(Call& call) {
  Error error;
  try {
    auto plan = TryPrepare(call);
    if (plan) return *std::move(plan);
    error = std::move(plan).error();
  } catch (const std::exception& exception) {
    error = {Code::kInternal, exception.what()};
  }
  if (InfoOf(error.code).http_status >= 500) Log(call.request(), error.message);
  return {nullptr, ErrorResponse(error)};
}

asio::awaitable<Answer> Api::Impl::Run(Call& call, const Route& route) {
  Error error;
  try {
    auto answer = co_await route.handler(call);
    if (answer) co_return *std::move(answer);
    error = std::move(answer).error();
  } catch (const std::exception& exception) {
    error = {Code::kInternal, exception.what()};
  }
  if (InfoOf(error.code).http_status >= 500) Log(call.request(), error.message);
  co_return ErrorResponse(error);
}

asio::awaitable<void> Api::Impl::Serve(http::Exchange& exchange) {
  Call call{context_, exchange};
  Plan plan = Prepare(call);
  if (plan.route == nullptr) {
    context_.counts.Answered(call.group, plan.refusal.status);
    co_await exchange.Send(std::move(plan.refusal));
    co_return;
  }
  const Principal& principal = call.principal;
  if (principal.is_run() && run::Runs::CheckAttempt(*principal.run, principal.attempt))
    context_.liveness.Heard(principal.run->id);
  const bool is_use = IsUse(call, *plan.route);
  if (is_use) context_.last_request = context_.parts.clock.Now();
  Answer answer = co_await Run(call, *plan.route);
  if (is_use) context_.last_request = context_.parts.clock.Now();
  context_.counts.Answered(call.group, answer ? answer->status : 200);
  if (answer) co_await exchange.Send(*std::move(answer));
  if (call.after_answer) call.after_answer();
}

asio::awaitable<void> Api::Impl::Handle(http::Exchange& exchange) {
  try {
    co_await Serve(exchange);
  } catch (const std::exception& exception) {
    // It is too late for an answer: this came while one was sent, or after.
    Log(exchange.request(), exception.what());
  }
}

bool Api::Impl::ready() const {
  return !context_.waits.ended() &&
         context_.parts.database.reader().runs.CountUnfinished().has_value();
}

Api::Api(Parts parts, ApiOptions options, std::function<void()> handover)
    : impl_(std::make_unique<Impl>(parts, std::move(options), std::move(handover))) {}

Api::~Api() = default;

asio::awaitable<void> Api::Handle(http::Exchange& exchange) { return impl_->Handle(exchange); }

http::Response Api::FormatError(const Error& error) { return ErrorResponse(error); }

void Api::EndWaits() { impl_->waits().EndAll(); }

Readers Api::readers() const {
  using Kind = OpenWaits::Kind;
  const OpenWaits& waits = impl_->waits();
  return {.sse = waits.count(Kind::kSse),
          .web_socket = waits.count(Kind::kWebSocket),
          .long_poll = waits.count(Kind::kLongPoll)};
}

Supervisors Api::supervisors() const { return impl_->liveness().Count(); }

const RequestCounts& Api::counts() const { return impl_->counts(); }

std::size_t Api::open_reads() const { return impl_->waits().reads(); }

MonoTime Api::last_request() const { return impl_->last_request(); }

bool Api::ready() const { return impl_->ready(); }

}  // namespace vm0::api
