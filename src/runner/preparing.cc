// SPDX-License-Identifier: Apache-2.0
#include "runner/preparing.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "client/run_client.h"
#include "os/fault.h"
#include "os/wakeup.h"

namespace vm0::runner {
namespace {

// One piece of work, shared with its thread.
struct Work {
  explicit Work(Preparation of) : preparation(std::move(of)) { preparation.stop = &halt; }
  Preparation preparation;
  std::atomic<bool> halt = false;
  std::optional<Status> result;  // on the loop
  os::Wakeup news;
};

Status Begin(Context& context, const std::shared_ptr<Work>& work) {
  return context.side_threads.Start([work] {
    (void)os::FaultFails("runner.prepare");
    Status result = PrepareRun(work->preparation);
    return [work, result = std::move(result)] {
      work->result = result;
      work->news.Wake();
    };
  });
}

asio::awaitable<bool> HasEnded(Context& context, const std::string& token) {
  http::Client http(context.loop, context.clock, context.endpoint);
  const StopSignal::Hook hook(context.stop, [&http] { http.Close(); });
  client::RunClient client(http, token);
  const auto answer = co_await client.Heartbeat(0);
  co_return !answer && InfoOf(answer.error().code).http_status == 410;
}

// Until it is done or must end before: why.
asio::awaitable<Status> WatchIt(Context& context, Work& work) {
  const MonoTime deadline = context.clock.Now() + kPreparationLimit;
  const std::string token = work.preparation.claim.token;
  MonoTime check = context.clock.Now() + kClaimCheck;
  while (!work.result) {
    co_await work.news.Wait(context.clock, std::min(check, deadline));
    if (work.result) break;
    if (context.stop.stopped()) co_return Fail(Code::kUnavailable, "the runner is stopping");
    const MonoTime now = context.clock.Now();
    if (now >= deadline) {
      co_return Fail(Code::kDeadline,
                     "the workspace was not ready after " + FormatDuration(kPreparationLimit) +
                         ": give a smaller folder, or the folder itself (:ro, :rw)");
    }
    if (now < check) continue;
    const bool has_ended = co_await HasEnded(context, token);
    if (has_ended) co_return Fail(Code::kRunEnded, "the run ended while it was prepared");
    check = context.clock.Now() + kClaimCheck;
  }
  co_return Status();
}

}  // namespace

asio::awaitable<Status> PrepareInTime(Context& context, Preparation preparation) {
  const auto work = std::make_shared<Work>(std::move(preparation));
  const StopSignal::Hook hook(context.stop, [work] {
    work->halt = true;
    work->news.Wake();
  });
  VM0_CO_TRY(Begin(context, work));
  Status watched = co_await WatchIt(context, *work);
  if (watched) co_return std::move(*work->result);
  work->halt = true;
  const MonoTime patience = context.clock.Now() + kHaltPatience;
  while (!work->result && context.clock.Now() < patience) {
    co_await work->news.Wait(context.clock, patience);
  }
  co_return watched;
}

}  // namespace vm0::runner
