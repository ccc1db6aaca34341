// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "api/frames.h"
#include "api/run_source.h"

namespace vm0::api {

// A reader of a run's events, from its cursor to the run's end: status, events, end. Live and
// replay are the same. Holds its cursor, and the frames that its stream is writing. Owned by its
// stream; `context` outlives it. Loop thread only. Whether the reader may read the run, its route
// has checked.
class EventSource final : public RunSource {
 public:
  struct Reader {
    RunId run;
    std::int64_t since = 0;
    View view = View::kRaw;
    Framing framing = Framing::kSse;
  };
  EventSource(Context& context, const Reader& reader);

  http::StreamPiece Next() override;
  bool TakeBack(std::size_t taken) override;

 private:
  http::StreamPiece Say(std::string frame, bool is_last);
  http::StreamPiece SayStatus(store::RunStatus status, const store::Run& run);
  http::StreamPiece SayFailure(const Error& error);
  Result<http::StreamPiece> Read();
  Result<http::StreamPiece> ReadEvents(const feed::Head& head);
  FramesQuery NextQuery() const;
  // The peer has all events up to `last`.
  void NoteDelivered(std::int64_t last);

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
  std::int64_t noted_;                    // up to here their delivery was noted
  bool is_live_ = false;                  // it has had all that there was
  std::optional<store::RunStatus> said_;  // the status that the reader knows
};

}  // namespace vm0::api
