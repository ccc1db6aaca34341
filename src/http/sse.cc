// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "http/message.h"

namespace vm0::http {
namespace {

constexpr std::size_t kEventLimit = 64 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// A line break inside of a field would end it.
void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) {
    if (c != '\n' && c != '\r') out += c;
  }
  out += '\n';
}

// What can't be right is passed over.
void RestoreCarriageReturns(std::string& data, std::string_view distances) {
  std::size_t at = 0;
  for (const std::string_view distance : Split(distances, ',')) {
    const auto number = ParseInt(distance);
    if (!number || *number < 0 || static_cast<std::size_t>(*number) >= data.size()) return;
    at += static_cast<std::size_t>(*number);
    if (at >= data.size() || data[at] != ' ') return;
    data[at] = '\r';
  }
}

}  // namespace

std::string ReplaceCarriageReturns(std::string& frame, std::size_t from) {
  std::string distances;
  std::size_t before = from;
  for (auto at = frame.find('\r', from); at != std::string::npos; at = frame.find('\r', at)) {
    frame[at] = ' ';
    if (!distances.empty()) distances += ',';
    distances += std::to_string(at - before);
    before = at;
  }
  return distances;
}

std::string FormatSse(const SseEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.id.size() + event.event.size() + 32);
  if (!event.id.empty()) AppendField(out, "id", event.id);
  if (!event.event.empty()) AppendField(out, "event", event.event);
  std::string_view rest = event.data;
  for (;;) {
    const auto end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    const bool crlf = rest.substr(end, 2) == "\r\n";
    rest.remove_prefix(end + (crlf ? 2 : 1));
  }
  out += '\n';
  return out;
}

void SseParser::TakeField(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (has_data_) current_.data += '\n';
    current_.data += value;
    has_data_ = true;
  } else if (name == "cr") {
    returns_ = value;
  } else if (name == "event") {
    current_.event = value;
  } else if (name == "id" && !value.contains('\0')) {
    current_.id = value;
  }
}

void SseParser::TakeLine(std::string_view line, std::vector<SseEvent>& events) {
  if (at_start_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  at_start_ = false;
  if (line.empty()) {
    if (!returns_.empty()) RestoreCarriageReturns(current_.data, returns_);
    if (has_data_) events.push_back(std::move(current_));
    current_ = {};
    returns_.clear();
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return TakeField(line, "");
  std::string_view value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  TakeField(line.substr(0, colon), value);  // an empty name is a comment
}

Result<std::vector<SseEvent>> SseParser::Feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  while (!bytes.empty()) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const auto end = bytes.find_first_of("\r\n");
    const auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() + current_.data.size() + returns_.size() > kEventLimit) {
      return Fail(Code::kPayloadTooLarge, "server-sent event: larger than 64 MiB");
    }
    if (end == std::string_view::npos) {
      line_ += piece;
      break;
    }
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      TakeLine(piece, events);
    } else {
      line_ += piece;
      const std::string line = std::exchange(line_, {});
      TakeLine(line, events);
    }
  }
  return events;
}

}  // namespace vm0::http
