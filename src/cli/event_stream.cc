// SPDX-License-Identifier: Apache-2.0
#include "cli/event_stream.h"

#include <algorithm>
#include <utility>

namespace vm0::cli {
namespace {

constexpr int kPageLimit = 1000;
constexpr int kWorthAWord = 3;

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
                         FetchOptions options)
    : session_(session),
      run_id_(std::move(run_id)),
      cursor_(since),
      options_(options),
      choice_(options.transport, session.clock().Now()),
      idle_pause_(options.interval, options.interval_max),
      outage_pause_(Millis(100), Seconds(2)) {
  UseTransport();
}

void EventStream::UseTransport() {
  reader_ = client::MakeEventReader(choice_.current(), session_.connection().events(),
                                    session_.clock(), run_id_);
}

Status EventStream::Take(client::EventPage& page) {
  VM0_TRY(KeepNewEvents(page, cursor_));
  if (!page.events.empty()) cursor_ = page.events.back().sequence;
  return {};
}

asio::awaitable<Result<client::EventPage>> EventStream::Read(std::int64_t limit) {
  const auto count = static_cast<int>(std::min<std::int64_t>(limit, kPageLimit));
  auto page = co_await session_.connection().events().GetEvents(run_id_, cursor_, count, 0);
  if (!page) co_return Fail(std::move(page).error());
  VM0_CO_TRY(Take(*page));
  co_return std::move(*page);
}

asio::awaitable<Result<client::EventPage>> EventStream::Follow() {
  for (;;) {
    auto page = co_await reader_->Next(cursor_);
    if (!page && !IsOutage(page.error())) co_return Fail(std::move(page).error());
    if (!page) {
      auto error = page.error();
      co_await Overcome(std::move(error));
      continue;
    }
    VM0_CO_TRY(Take(*page));
    Note(*page);
    if (!page->events.empty() || HasEnded(*page)) co_return std::move(*page);
    if (choice_.current() == client::Transport::kPoll)
      co_await os::Sleep(session_.clock(), idle_pause_.Next());
  }
}

void EventStream::Note(const client::EventPage& page) {
  using News = TransportChoice::News;
  const MonoTime now = session_.clock().Now();
  EndOutage();
  if (!page.events.empty()) idle_pause_.Reset();
  const bool is_proved = choice_.Succeeded(page.events.empty() ? News::kNone : News::kEvents, now);
  if (is_proved && options_.verbose) {
    const std::string why = choice_.is_best() ? "" : "; before: " + reason_;
    session_.output().SayDim("Events come by " + std::string(NameOf(choice_.current())) + " now" +
                             why);
  }
  if (!HasEnded(page) && choice_.TryBetter(now)) UseTransport();
}

asio::awaitable<void> EventStream::Overcome(Error error) {
  const auto before = choice_.current();
  const bool is_trial = choice_.Failed(error.code, session_.clock().Now());
  if (choice_.current() != before) UseTransport();
  if (is_trial) {
    reason_ = std::string(NameOf(before)) + ": " + error.message;
    co_return;
  }
  co_await WaitOut(error);
}

asio::awaitable<void> EventStream::WaitOut(const Error& error) {
  // A few failures are a server that restarts, or a transport that does not pass: not worth a word.
  if (++failures_ == kWorthAWord)
    session_.output().SayDim("Lost the server, trying again: " + error.message);
  if (error.code == Code::kUnreachable) {
    const Status recovered = co_await session_.connection().Recover();
    if (recovered) co_return;
  }
  co_await os::Sleep(session_.clock(), outage_pause_.Next());
}

void EventStream::EndOutage() {
  if (std::exchange(failures_, 0) >= kWorthAWord) session_.output().SayDim("The server is back");
  outage_pause_.Reset();
}

}  // namespace vm0::cli
