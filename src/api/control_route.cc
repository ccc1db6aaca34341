// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <memory>

#include "api/object_writer.h"
#include "api/page.h"
#include "api/routes.h"
#include "api/webhook_run.h"

namespace vm0::api {
namespace {

constexpr Seconds kCommentInterval{15};
// Beyond every event: this reader waits for changes of the run's row alone.
constexpr std::int64_t kNoEvents = std::numeric_limits<std::int64_t>::max();

// Says each intent once per connection.
class ControlFrames {
 public:
  // What is new in the run's row; empty when nothing is.
  std::string Next(const store::Run& run) {
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

 private:
  bool cancel_said_ = false;
};

http::Response StreamHead() {
  http::Response head;
  head.headers.Set("Content-Type", "text/event-stream");
  head.headers.Set("Cache-Control", "no-store");
  return head;
}

bool IsSuperseded(const store::Run& run, const std::optional<int>& attempt) {
  return attempt && !run::Runs::CheckAttempt(run, *attempt) && !store::IsTerminal(run.status);
}

asio::awaitable<void> StreamControl(Call& call, const WebhookRun& target) {
  const Api::Parts& parts = call.context.parts;
  const std::shared_ptr<feed::Feed::Waiter> waiter = parts.feed.NewWaiter();
  const std::function<void()> cancel = [waiter] { waiter->Cancel(); };
  OpenWaits::Ticket ticket(call.context.waits, OpenWaits::Kind::kMachine, cancel);
  call.exchange.OnPeerClosed(cancel);
  ControlFrames frames;
  MonoTime comment_at = parts.clock.Now() + kCommentInterval;
  while (!call.context.waits.ended() && !call.exchange.peer_closed()) {
    const auto run = call.reader().runs.FindRun(target.run.id);
    if (!run || !*run || IsSuperseded(**run, target.attempt)) co_return;
    std::string bytes = frames.Next(**run);
    if (bytes.empty() && parts.clock.Now() >= comment_at) bytes = ":\n\n";
    if (bytes.empty()) {
      co_await parts.feed.Wait(target.run.id, kNoEvents, comment_at, waiter);
      continue;
    }
    comment_at = parts.clock.Now() + kCommentInterval;
    const bool written = co_await call.exchange.Write(std::move(bytes));
    if (!written || store::IsTerminal((*run)->status)) co_return;
  }
}

}  // namespace

asio::awaitable<Result<Answer>> GetControl(Call& call) {
  const std::optional<std::string> run_id = call.target.Query("runId");
  VM0_CO_ASSIGN(const WebhookRun target, FindReportingRun(call, run_id));
  if (IsSuperseded(target.run, target.attempt))
    VM0_CO_TRY(run::Runs::CheckAttempt(target.run, *target.attempt));
  http::Response head = StreamHead();
  co_await call.exchange.StartStream(std::move(head));
  // A HEAD wants the head alone.
  if (call.request().method != "HEAD") co_await StreamControl(call, target);
  co_return std::nullopt;
}

}  // namespace vm0::api
