// SPDX-License-Identifier: Apache-2.0
#include "cli/event_stream.h"

#include <algorithm>
#include <utility>

namespace vm0::cli {
namespace {

constexpr int kPageLimit = 1000;
constexpr int kWaitSeconds = 30;

bool IsOutage(const Error& error) {
  switch (error.code) {
    case Code::kUnreachable:
    case Code::kDeadline:
    case Code::kUnavailable:
    case Code::kInternal:
      return true;
    default:
      return false;
  }
}

bool HasEnded(const client::EventPage& page) { return !page.has_more && page.run.is_terminal(); }

}  // namespace

Status KeepNewEvents(client::EventPage& page, std::int64_t cursor) {
  std::erase_if(page.events, [cursor](const auto& event) { return event.sequence <= cursor; });
  std::int64_t expected = cursor + 1;
  for (const auto& event : page.events) {
    if (event.sequence != expected)
      return Fail(Error{.code = Code::kSequenceGap,
                        .message = "The server left out events: " + std::to_string(expected) +
                                   " should come, " + std::to_string(event.sequence) + " came",
                        .number = expected});
    expected = event.sequence + 1;
  }
  // Asked again at once, it would say the same.
  if (page.events.empty() && page.has_more)
    return Fail(Code::kInternal, "The server says that there are more events, but gives none");
  return {};
}

EventStream::EventStream(Session& session, std::string run_id, std::int64_t since,
                         PollOptions options)
    : session_(session),
      run_id_(std::move(run_id)),
      cursor_(since),
      options_(options),
      idle_pause_(options.interval, options.interval_max),
      outage_pause_(Millis(100), Seconds(2)) {}

asio::awaitable<Result<client::EventPage>> EventStream::Fetch(int limit, int wait_seconds) {
  auto page =
      co_await session_.connection().events().GetEvents(run_id_, cursor_, limit, wait_seconds);
  if (!page) co_return Fail(std::move(page).error());
  VM0_CO_TRY(KeepNewEvents(*page, cursor_));
  if (!page->events.empty()) cursor_ = page->events.back().sequence;
  co_return std::move(*page);
}

asio::awaitable<Result<client::EventPage>> EventStream::Read(std::int64_t limit) {
  return Fetch(static_cast<int>(std::min<std::int64_t>(limit, kPageLimit)), 0);
}

asio::awaitable<Result<client::EventPage>> EventStream::Follow() {
  for (;;) {
    auto page = co_await Fetch(kPageLimit, options_.long_poll ? kWaitSeconds : 0);
    if (!page && !IsOutage(page.error())) co_return Fail(std::move(page).error());
    if (!page) {
      auto error = page.error();
      co_await WaitOut(std::move(error));
      continue;
    }
    EndOutage();
    if (!page->events.empty()) idle_pause_.Reset();
    if (!page->events.empty() || HasEnded(*page)) co_return std::move(*page);
    if (!options_.long_poll) co_await os::Sleep(session_.clock(), idle_pause_.Next());
  }
}

asio::awaitable<void> EventStream::WaitOut(Error error) {
  // One failure is a server that restarts: not worth a word.
  if (++failures_ == 2) session_.output().SayDim("Lost the server, trying again: " + error.message);
  if (error.code == Code::kUnreachable) {
    const Status recovered = co_await session_.connection().Recover();
    if (recovered) co_return;
  }
  co_await os::Sleep(session_.clock(), outage_pause_.Next());
}

void EventStream::EndOutage() {
  if (std::exchange(failures_, 0) >= 2) session_.output().SayDim("The server is back");
  outage_pause_.Reset();
}

}  // namespace vm0::cli
