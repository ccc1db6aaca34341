// SPDX-License-Identifier: Apache-2.0
#include "api/event_source.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "api/respond.h"
#include "os/random.h"

namespace vm0::api {
namespace {

constexpr std::int64_t kEventsAtOnce = 1000;

OpenWaits::Kind KindOf(Framing framing) {
  return framing == Framing::kSse ? OpenWaits::Kind::kSse : OpenWaits::Kind::kWebSocket;
}

// When browsers come back after the connection broke: not all at once.
std::string FormatRetry() {
  const auto chance = static_cast<unsigned char>(os::RandomBytes(1)[0]);
  return "retry: " + std::to_string(500 + chance * 8) + "\n";
}

}  // namespace

EventSource::EventSource(Context& context, const Reader& reader)
    : RunSource(context, reader.run, KindOf(reader.framing)),
      view_(reader.view),
      framing_(reader.framing),
      cursor_(reader.since),
      noted_(reader.since) {}

http::StreamPiece EventSource::Say(std::string frame, bool is_last) {
  frames_.reset();
  return {std::make_shared<const std::string>(std::move(frame)), 0, is_last};
}

void EventSource::NoteDelivered(std::int64_t last) {
  if (!frames_ || last <= noted_) return;
  if (Observer* const observer = context().parts.observer; observer != nullptr && is_live_) {
    const auto begin = static_cast<std::size_t>(noted_ + 1 - frames_->first);
    const auto count = static_cast<std::size_t>(last - noted_);
    observer->OnDelivered(framing_ == Framing::kSse ? ReadWay::kSse : ReadWay::kWebSocket,
                          std::span(frames_->read_at).subspan(begin, count));
  }
  noted_ = last;
}

http::StreamPiece EventSource::Next() {
  NoteDelivered(cursor_);  // it would not be asked before that
  if (context().waits.ended() && !rest_) return Say(StopFrame(framing_), true);
  auto piece = Read();
  return piece ? *std::move(piece) : SayFailure(piece.error());
}

http::StreamPiece EventSource::SayStatus(store::RunStatus status, const store::Run& run) {
  const bool is_first = !said_ && framing_ == Framing::kSse;
  said_ = status;
  return Say((is_first ? FormatRetry() : "") + StatusFrame(framing_, status, run), false);
}

http::StreamPiece EventSource::SayFailure(const Error& error) {
  if (InfoOf(error.code).http_status >= 500)
    std::clog << "vm0: a reader of run " + run_id().ToString() + ": " + error.message + "\n";
  return Say(ErrorFrame(framing_, error), true);
}

Result<http::StreamPiece> EventSource::Read() {
  VM0_ASSIGN(const feed::Head head, context().parts.feed.ReadHead(run_id(), cursor_));
  if (rest_) return ReadEvents(head);
  const store::Run& run = *head.run;
  const bool has_more = cursor_ < head.last_sequence;
  if (store::IsTerminal(run.status)) {
    // That comes last; before it there may be events.
    if (!has_more) return Say(EndFrame(framing_, run), true);
    if (!said_) return SayStatus(store::RunStatus::kRunning, run);
  } else if (said_ != run.status) {
    return SayStatus(run.status, run);
  }
  if (has_more) return ReadEvents(head);
  frames_.reset();
  is_live_ = true;
  return http::StreamPiece{};
}

FramesQuery EventSource::NextQuery() const {
  const std::int64_t limit = rest_ ? rest_->last - cursor_ : kEventsAtOnce;
  return {.since = cursor_, .limit = limit, .view = view_, .framing = framing_};
}

Result<http::StreamPiece> EventSource::ReadEvents(const feed::Head& head) {
  VM0_ASSIGN(frames_, context().frames.Read(head, NextQuery()));
  cursor_ = frames_->last();
  const auto rest = std::exchange(rest_, std::nullopt);
  offset_ = rest ? rest->offset : 0;
  return http::StreamPiece{std::shared_ptr<const std::string>(frames_, &frames_->bytes), offset_,
                           false};
}

bool EventSource::TakeBack(std::size_t taken) {
  if (!frames_) return false;
  taken += offset_;
  const auto& ends = frames_->ends;
  const auto next = std::ranges::upper_bound(ends, taken);
  const std::size_t begin = next == ends.begin() ? 0 : *(next - 1);
  rest_ = {taken - begin, frames_->last()};
  cursor_ = frames_->first + (next - ends.begin()) - 1;
  NoteDelivered(cursor_);
  frames_.reset();
  return true;
}

}  // namespace vm0::api
