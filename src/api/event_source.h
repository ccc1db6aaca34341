// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "api/call.h"
#include "api/frames.h"

namespace vm0::api {

// A reader of a run's events, from its cursor to the run's end: status, events, end. Live and
// replay are the same. Holds its cursor, and the frames that its stream is writing.
class EventSource final : public http::StreamSource, private feed::Listener {
 public:
  struct Reader {
    RunId run;
    std::int64_t since = 0;
    View view = View::kRaw;
    Framing framing = Framing::kSse;
  };
  EventSource(Context& context, const Reader& reader);
  ~EventSource() override;

  void Begin(http::StreamWaker& waker) override;
  http::StreamPiece Next() override;
  bool TakeBack(std::size_t taken) override;
  http::StreamPiece OnSilence() override;

 private:
  void OnNews() override { waker_->Wake(); }
  http::StreamPiece Say(std::string frame, bool is_last);
  http::StreamPiece SayStatus(store::RunStatus status, const store::Run& run);
  http::StreamPiece SayFailure(const Error& error);
  Result<http::StreamPiece> Read();
  Result<http::StreamPiece> ReadEvents(const feed::Head& head);
  FramesQuery NextQuery() const;

  Context& context_;
  const RunId run_;
  const View view_;
  const Framing framing_;
  std::int64_t cursor_;  // all up to here was given
  // Being written; nullptr: something else, or it was taken back.
  std::shared_ptr<const Frames> frames_;
  std::size_t offset_ = 0;  // where in them the piece began
  // Of frames that were taken back: where to go on in the first of them, and the last event.
  struct Rest {
    std::size_t offset;
    std::int64_t last;
  };
  std::optional<Rest> rest_;
  std::optional<store::RunStatus> said_;  // the status that the reader knows
  http::StreamWaker* waker_ = nullptr;
  std::unique_ptr<feed::Subscription> subscription_;
  std::optional<OpenWaits::Ticket> ticket_;
};

}  // namespace vm0::api
