// SPDX-License-Identifier: Apache-2.0
#include "client/stream_reader.h"

#include <utility>

#include "base/json_scan.h"

namespace vm0::client {
namespace {

// How long a stream may take for its first word: a server says one at once, so if none comes,
// something between holds it back. And how long it may be silent later: it says something each
// 15 s.
constexpr Seconds kFirstWord{5};
constexpr Seconds kLongestSilence{45};

std::string Within(Seconds limit) { return "nothing came for " + FormatDuration(limit); }

// The stream's next piece, within `limit`.
template <class Piece, class Stream>
asio::awaitable<Result<Piece>> ReadWithin(os::Clock& clock, Stream& stream, Seconds limit) {
  bool expired = false;
  const os::Timer timer(clock, clock.Now() + limit, [&expired, &stream] {
    expired = true;
    stream.Close();
  });
  auto reading = stream.Read();
  Result<Piece> piece = co_await std::move(reading);
  if (expired) co_return Fail(Code::kDeadline, Within(limit));
  co_return piece;
}

std::unexpected<Error> Strange(const std::string& what) {
  return Fail(Code::kUnreachable, "the server's stream makes no sense: " + what);
}

}  // namespace

Status StreamedPage::AddEvent(std::string_view envelope) {
  VM0_ASSIGN(auto event, ParseEvent(envelope));
  page_.events.push_back(std::move(event));
  has_news_ = true;
  return {};
}

Status StreamedPage::SetStatus(std::string_view json) {
  const auto object = ParseJsonObject(json, "status");
  if (!object) return Strange(object.error().message);
  page_.run.status = StringMember(*object, "status").value_or("");
  page_.provider = StringMember(*object, "provider").value_or("");
  page_.dialect = StringMember(*object, "dialect").value_or("");
  has_news_ = true;
  return {};
}

Status StreamedPage::SetEnd(std::string_view json) {
  VM0_ASSIGN(page_.run, ParseRunState(json));
  if (!page_.run.is_terminal()) return Strange("an end without the run's end");
  has_news_ = true;
  return {};
}

Error StreamedPage::ErrorIn(std::string_view json) {
  http::Response response;
  response.status = 500;
  response.body = "{\"error\":" + std::string(json) + "}";
  return ErrorOf(response);
}

EventPage StreamedPage::Take(std::int64_t cursor) {
  EventPage taken{.events = std::exchange(page_.events, {}),
                  .next_sequence = cursor,
                  .has_more = false,
                  .run = page_.run,
                  .provider = page_.provider,
                  .dialect = page_.dialect};
  if (!taken.events.empty()) taken.next_sequence = taken.events.back().sequence;
  has_news_ = false;
  return taken;
}

StreamReader::StreamReader(UserClient& api, os::Clock& clock, std::string run_id)
    : api_(api), clock_(clock), run_id_(std::move(run_id)) {}

asio::awaitable<Result<EventPage>> StreamReader::Next(std::int64_t cursor) {
  while (!page_.has_news()) {
    const Status read = co_await Read(cursor);
    if (read) continue;
    Drop();
    page_ = {};
    co_return Fail(read.error());
  }
  co_return page_.Take(cursor);
}

SseReader::SseReader(UserClient& api, os::Clock& clock, std::string run_id)
    : StreamReader(api, clock, std::move(run_id)) {}

asio::awaitable<Status> SseReader::Read(std::int64_t cursor) {
  const Seconds limit = stream_ ? kLongestSilence : kFirstWord;
  if (!stream_) {
    auto opened = co_await api_.StreamEvents(run_id_, cursor, kFirstWord);
    if (!opened) co_return Fail(std::move(opened).error());
    stream_ = std::move(*opened);
    parser_ = {};
  }
  auto bytes = co_await ReadWithin<std::string>(clock_, *stream_, limit);
  if (!bytes) co_return Fail(std::move(bytes).error());
  if (bytes->empty()) co_return Fail(Code::kUnreachable, "the stream broke off");
  const auto events = parser_.Feed(*bytes);
  if (!events) co_return Fail(events.error());
  for (const auto& event : *events) VM0_CO_TRY(Take(event));
  co_return Status{};
}

Status SseReader::Take(const http::SseEvent& event) {
  if (event.event.empty()) return page_.AddEvent(event.data);
  if (event.event == "status") return page_.SetStatus(event.data);
  if (event.event == "end") return page_.SetEnd(event.data);
  if (event.event == "error") return Fail(StreamedPage::ErrorIn(event.data));
  return {};  // of a newer server
}

WebSocketReader::WebSocketReader(UserClient& api, os::Clock& clock, std::string run_id)
    : StreamReader(api, clock, std::move(run_id)) {}

asio::awaitable<Status> WebSocketReader::Read(std::int64_t cursor) {
  const bool is_new = !stream_;
  if (is_new) {
    auto opened = co_await api_.SocketEvents(run_id_, cursor, kFirstWord);
    if (!opened) co_return Fail(std::move(opened).error());
    stream_ = std::move(*opened);
  }
  auto message = co_await ReadWithin<std::optional<std::string>>(
      clock_, *stream_, is_new ? kFirstWord : kLongestSilence);
  if (!message) co_return Fail(std::move(message).error());
  if (*message && (*message)->empty()) co_return Status{};  // a ping: it lives
  if (*message) co_return Take(**message);
  co_return Fail(Code::kUnreachable,
                 "the WebSocket was closed, code " + std::to_string(stream_->close_code()));
}

Status WebSocketReader::Take(std::string_view message) {
  JsonObjectScanner scan(message);
  while (auto member = scan.Next()) {
    if (member->HasKey("event")) VM0_TRY(page_.AddEvent(member->value));
    if (member->HasKey("status")) VM0_TRY(page_.SetStatus(member->value));
    if (member->HasKey("end")) VM0_TRY(page_.SetEnd(member->value));
    if (member->HasKey("error")) return Fail(StreamedPage::ErrorIn(member->value));
  }
  return scan.ok() ? Status{} : Strange("a message is no object");
}

}  // namespace vm0::client
