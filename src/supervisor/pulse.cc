// SPDX-License-Identifier: Apache-2.0
#include "supervisor/pulse.h"

#include <utility>

namespace vm0::supervisor {
namespace {

constexpr Seconds kBeat{10};
// The server writes a comment each 15 s.
constexpr Seconds kSilence{60};

}  // namespace

Pulse::Pulse(asio::any_io_executor executor, Parts parts, Events events)
    : parts_(parts), events_(std::move(events)), stopped_(std::move(executor)) {}

void Pulse::Stop() {
  stopping_ = true;
  stopped_.Notify();
  if (stream_) stream_->Close();
  parts_.http.Close();
}

void Pulse::Over() {
  if (stopping_) return;
  Stop();
  events_.over();
}

asio::awaitable<void> Pulse::Pause(Micros delay) {
  const MonoTime until = parts_.clock.Now() + delay;
  while (!stopping_ && parts_.clock.Now() < until) {
    co_await stopped_.WaitUntil(parts_.clock, until);
  }
}

void Pulse::TakeError(const std::string& what, const Error& error) {
  if (stopping_) return;
  const Reaction reaction = parts_.rules.React(error);
  parts_.log.Write(what + ": " + error.message);
  if (reaction == Reaction::kGiveUp) Over();
}

asio::awaitable<void> Pulse::BeatUntilStopped() {
  co_await Pause(kBeat);
  while (!stopping_) {
    events_.beat();
    const std::int64_t acknowledged = events_.acknowledged();
    const auto answer =
        co_await parts_.client.Heartbeat(events_.last_sequence(), events_.waits_for_disk());
    if (stopping_) co_return;
    if (answer) {
      parts_.rules.Accepted();
      if (answer->cancel) events_.cancel();
      if (answer->last_sequence < acknowledged) events_.behind(answer->last_sequence);
    } else {
      TakeError("heartbeat", answer.error());
    }
    co_await Pause(kBeat);
  }
}

asio::awaitable<void> Pulse::ListenUntilStopped() {
  while (!stopping_) {
    auto stream = co_await parts_.client.Control();
    if (stopping_) co_return;
    if (stream) {
      parts_.rules.Accepted();
      stream_ = std::move(*stream);
      co_await Listen(*stream_);
      stream_.reset();
    } else {
      TakeError("control", stream.error());
    }
    const Micros delay = backoff_.Next();
    co_await Pause(delay);
  }
}

asio::awaitable<void> Pulse::Listen(Stream& stream) {
  http::SseParser parser;
  while (!stopping_) {
    const os::Timer silence(parts_.clock, parts_.clock.Now() + kSilence,
                            [&stream] { stream.Close(); });
    const auto bytes = co_await stream.Read();
    if (!bytes || bytes->empty()) co_return;
    backoff_.Reset();
    const auto events = parser.Feed(*bytes);
    if (!events) co_return;
    for (const auto& event : *events) TakeEvent(event);
  }
}

void Pulse::TakeEvent(const http::SseEvent& event) {
  if (stopping_) return;
  if (event.event == "cancel") events_.cancel();
  if (event.event == "end") {
    parts_.log.Write("control: the run has ended");
    Over();
  }
}

}  // namespace vm0::supervisor
