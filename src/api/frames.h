// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/page.h"
#include "feed/feed.h"

namespace vm0::api {

// How the events of a stream are told apart on the wire.
enum class Framing : std::uint8_t {
  kSse,        // id: 7⏎ data: {…}
  kWebSocket,  // a text message {"event":{…}}
};

// What a stream says besides events; the bytes of a frame each.
std::string StatusFrame(Framing framing, store::RunStatus status, const store::Run& run);
// The last words of a stream: that the run has ended; that it broke off, and why.
std::string EndFrame(Framing framing, const store::Run& run);
std::string ErrorFrame(Framing framing, const Error& error);
// The server stops: come back with your cursor.
std::string StopFrame(Framing framing);

// Frames of some events that follow one another.
struct Frames {
  std::string bytes;
  std::int64_t first = 0;         // number of the first event
  std::vector<std::size_t> ends;  // where the frame of each event ends in `bytes`
  std::vector<WallTime> read_at;  // when each event was read from the agent

  std::int64_t last() const { return first + static_cast<std::int64_t>(ends.size()) - 1; }
};

// What a stream reads next.
struct FramesQuery {
  std::int64_t since = 0;
  std::int64_t limit = 0;
  View view = View::kRaw;
  Framing framing = Framing::kSse;

  bool operator==(const FramesQuery&) const = default;
};

// Gives the frames of events, each made once for all readers that come for it one after another: a
// thousand readers of a run are woken together. Owned by the Api. Loop thread only.
class FramesMaker {
 public:
  explicit FramesMaker(feed::Feed& feed) : feed_(feed) {}

  // There must be an event after `since`. Errors of Feed::ReadEvents.
  Result<std::shared_ptr<const Frames>> Read(const feed::Head& head, const FramesQuery& query);

 private:
  struct Made {
    RunId run;
    std::int64_t last_sequence;  // of the run, then
    FramesQuery query;
    std::weak_ptr<const Frames> frames;  // shared for as long as somebody holds them
    std::shared_ptr<const Frames> kept;  // nullptr when they are large
  };
  Result<std::shared_ptr<const Frames>> Make(const feed::Head& head, const FramesQuery& query);

  feed::Feed& feed_;
  std::array<Made, 4> made_;
  std::size_t next_ = 0;  // the oldest, which is replaced
};

}  // namespace vm0::api
