// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "api/object_writer.h"
#include "api/page.h"
#include "api/respond.h"
#include "api/routes.h"
#include "api/run_source.h"
#include "api/webhook_run.h"

namespace vm0::api {
namespace {

bool IsSuperseded(const store::Run& run, const std::optional<int>& attempt) {
  return attempt && !run::Runs::CheckAttempt(run, *attempt) && !store::IsTerminal(run.status);
}

// Says each intent once per connection, and the end. Events are nothing to it.
class ControlSource final : public RunSource {
 public:
  ControlSource(Context& context, const WebhookRun& target)
      : RunSource(context, target.run.id, OpenWaits::Kind::kMachine), attempt_(target.attempt) {}

  http::StreamPiece Next() override {
    const auto head = context().parts.feed.ReadHead(run_id());
    if (!head)
      std::clog << "vm0: the control stream of run " + run_id().ToString() + ": " +
                       head.error().message + "\n";
    if (!head || context().waits.ended() || IsSuperseded(*head->run, attempt_))
      return {nullptr, 0, true};
    const bool is_end = store::IsTerminal(head->run->status);
    return {std::make_shared<const std::string>(NextFrames(*head->run)), 0, is_end};
  }
  bool TakeBack(std::size_t) override { return false; }

 private:
  // What is new in the run's row; empty when nothing is.
  std::string NextFrames(const store::Run& run) {
    std::string frames;
    if (run.cancel_requested_at && !cancel_said_) {
      cancel_said_ = true;
      ObjectWriter data;
      data.Time("requestedAt", *run.cancel_requested_at);
      frames += http::FormatSse({.id = "", .event = "cancel", .data = data.Take()});
    }
    if (store::IsTerminal(run.status)) {
      frames += http::FormatSse({.id = "", .event = "end", .data = FormatRunState(run)});
    }
    return frames;
  }

  const std::optional<int> attempt_;
  bool cancel_said_ = false;
};

}  // namespace

asio::awaitable<Result<Answer>> GetControl(Call& call) {
  const std::optional<std::string> run_id = call.target.Query("runId");
  VM0_CO_ASSIGN(const WebhookRun target, FindReportingRun(call, run_id));
  if (IsSuperseded(target.run, target.attempt))
    VM0_CO_TRY(run::Runs::CheckAttempt(target.run, *target.attempt));
  call.exchange.Stream(SseHead(), std::make_unique<ControlSource>(call.context, target));
  co_return std::nullopt;
}

}  // namespace vm0::api
