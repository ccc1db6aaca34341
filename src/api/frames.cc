// SPDX-License-Identifier: Apache-2.0
#include "api/frames.h"

#include <algorithm>

#include "api/object_writer.h"
#include "api/respond.h"
#include "http/websocket.h"
#include "os/fault.h"

namespace vm0::api {
namespace {

// What a stream writes at once, and so what a reader costs whose peer is slow.
constexpr std::size_t kFramesBytes = 64 << 10;
// Larger ones are shared while a reader holds them, and not kept after that.
constexpr std::size_t kKeptBytes = 256 << 10;
constexpr int kCloseCodeBase = 4000;

void AppendFrame(std::string& out, Framing framing, View view, const event::Event& event,
                 std::string_view dialect) {
  if (framing == Framing::kSse) {
    out.append("id: ").append(std::to_string(event.sequence)).append("\ndata: ");
    const std::size_t begin = out.size();
    AppendEvent(out, event, view, dialect);
    // In JSON a CR is only ever white space.
    const std::string returns = http::ReplaceCarriageReturns(out, begin);
    out += '\n';
    if (!returns.empty()) out.append("cr: ").append(returns) += '\n';
    out += '\n';
    return;
  }
  std::string message = "{\"event\":";
  AppendEvent(message, event, view, dialect);
  message += '}';
  http::AppendWebSocketFrame(out, http::WebSocketOpcode::kText, message);
}

// Something that is no event: it has a name, and no number.
std::string NamedFrame(Framing framing, std::string_view name, const std::string& json) {
  if (framing == Framing::kSse) {
    return http::FormatSse({.id = "", .event = std::string(name), .data = json});
  }
  ObjectWriter message;
  message.Raw(name, json);
  const std::string text = message.Take();
  std::string frame;
  http::AppendWebSocketFrame(frame, http::WebSocketOpcode::kText, text);
  return frame;
}

std::string WithClose(Framing framing, std::string frame, int code, std::string_view reason) {
  if (framing == Framing::kWebSocket) {
    http::AppendWebSocketFrame(frame, http::WebSocketOpcode::kClose,
                               http::FormatClose(code, reason));
  }
  return frame;
}

// The server's faults have one code, the others the HTTP status that they would have had.
int CloseCodeOf(Code code) {
  const int status = InfoOf(code).http_status;
  return status >= 500 ? http::close_code::kInternal : kCloseCodeBase + status;
}

}  // namespace

std::string StatusFrame(Framing framing, store::RunStatus status, const store::Run& run) {
  ObjectWriter body;
  body.Text("status", store::NameOf(status));
  body.Text("provider", run.provider).Text("dialect", run.dialect);
  return NamedFrame(framing, "status", body.Take());
}

std::string EndFrame(Framing framing, const store::Run& run) {
  return WithClose(framing, NamedFrame(framing, "end", FormatRunState(run)),
                   http::close_code::kNormal, "the run has ended");
}

std::string ErrorFrame(Framing framing, const Error& error) {
  return WithClose(framing, NamedFrame(framing, "error", ErrorBody(error)), CloseCodeOf(error.code),
                   InfoOf(error.code).name);
}

std::string StopFrame(Framing framing) {
  return WithClose(framing, "", http::close_code::kGoingAway, "the server stops");
}

Result<std::shared_ptr<const Frames>> FramesMaker::Read(const feed::Head& head,
                                                        const FramesQuery& query) {
  // What is pruned is not read from memory either.
  if (query.since < head.pruned_to) return Make(head, query);
  for (const Made& made : made_) {
    if (made.run != head.run->id || made.query != query || made.last_sequence != head.last_sequence)
      continue;
    if (auto frames = made.frames.lock()) return frames;
  }
  VM0_ASSIGN(auto frames, Make(head, query));
  const bool is_kept = frames->bytes.size() <= kKeptBytes;
  made_[next_] = {head.run->id, head.last_sequence, query, frames, is_kept ? frames : nullptr};
  next_ = (next_ + 1) % made_.size();
  return frames;
}

Result<std::shared_ptr<const Frames>> FramesMaker::Make(const feed::Head& head,
                                                        const FramesQuery& query) {
  VM0_ASSIGN(const auto events, feed_.ReadEvents(head, query.since, query.limit, kFramesBytes));
  (void)os::FaultFails("api.frames");
  auto frames = std::make_shared<Frames>();
  frames->first = query.since + 1;
  std::size_t size = 0;
  for (const auto& event : events) size += event->json.size() + kEnvelopeBytes;
  frames->bytes.reserve(size);
  for (const auto& event : events) {
    AppendFrame(frames->bytes, query.framing, query.view, *event, head.run->dialect);
    frames->ends.push_back(frames->bytes.size());
    frames->read_at.push_back(event->created_at);
  }
  return frames;
}

}  // namespace vm0::api
