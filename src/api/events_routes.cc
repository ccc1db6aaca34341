// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "api/event_source.h"
#include "api/inputs.h"
#include "api/page.h"
#include "api/respond.h"
#include "api/routes.h"
#include "base/text.h"
#include "http/websocket.h"

namespace vm0::api {
namespace {

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMaxLimit = 1000;
constexpr std::int64_t kMaxWaitSeconds = 60;

struct EventsQuery {
  RunId run;
  std::int64_t since = 0;
  int limit = 0;
  Seconds wait{0};
  View view = View::kRaw;
};

constexpr std::int64_t kMostSince = std::numeric_limits<std::int64_t>::max();

Result<EventsQuery> ParseQuery(const Call& call) {
  VM0_ASSIGN(const store::Run run, FindOwnRun(call, call.id));
  VM0_ASSIGN(const std::int64_t since, IntQuery(call.target, "since", 0, kMostSince, 0));
  VM0_ASSIGN(const std::int64_t limit, IntQuery(call.target, "limit", 1, kMaxLimit, kDefaultLimit));
  VM0_ASSIGN(const std::int64_t wait, IntQuery(call.target, "wait", 0, kMaxWaitSeconds, 0));
  const std::optional<View> view = FindView(call.target.Query("view").value_or("raw"));
  if (!view) return Fail(Code::kBadRequest, "view must be raw, parsed or both");
  return EventsQuery{run.id, since, static_cast<int>(limit), Seconds(wait), *view};
}

// What a browser's EventSource comes back with.
Result<std::optional<std::int64_t>> ParseLastEventId(const http::Request& request) {
  const auto text = request.headers.Find("Last-Event-ID");
  if (!text || text->empty()) return std::nullopt;
  const bool has_sign = text->starts_with('+') || text->starts_with('-');
  const auto number = has_sign ? std::nullopt : ParseInt(*text);
  if (!number) return Fail(Code::kBadRequest, "Last-Event-ID must be the number of an event");
  return number;
}

bool WantsStream(const http::Request& request) {
  const auto accepted = Split(request.headers.Find("Accept").value_or(""), ',');
  return std::ranges::any_of(accepted, [](std::string_view type) {
    return TrimAscii(type.substr(0, type.find(';'))) == "text/event-stream";
  });
}

// The answer is the stream, which `head` begins; there is none when the cursor is a bad one.
Status StartReading(Call& call, const EventsQuery& query, Framing framing, http::Response head) {
  const auto first = call.context.parts.feed.Read(query.run, query.since, 1);
  if (!first) return Fail(first.error());
  std::unique_ptr<http::StreamSource> source = std::make_unique<EventSource>(
      call.context, EventSource::Reader{query.run, query.since, query.view, framing});
  if (framing == Framing::kWebSocket) source = http::MakeWebSocketSource(std::move(source));
  call.exchange.Stream(std::move(head), std::move(source));
  call.context.counts.Read(framing == Framing::kSse ? ReadWay::kSse : ReadWay::kWebSocket);
  return {};
}

Result<Answer> StreamEvents(Call& call, EventsQuery query) {
  VM0_ASSIGN(const auto last_seen, ParseLastEventId(call.request()));
  query.since = last_seen.value_or(query.since);
  VM0_ASSIGN(const feed::Head run, call.context.parts.feed.ReadHead(query.run, query.since));
  // Else a browser would come back for ever.
  if (last_seen == run.last_sequence && store::IsTerminal(run.run->status))
    return http::Response{.status = 204, .headers = {}, .body = ""};
  VM0_TRY(StartReading(call, query, Framing::kSse, SseHead()));
  return std::nullopt;
}

// Whether a long-poll has something to answer with.
bool HasNews(const feed::Page& page) {
  return !page.events.empty() || store::IsTerminal(page.run->status);
}

// The next page with news, or the page as it is at the deadline.
asio::awaitable<Result<feed::Page>> WaitForPage(Call& call, const EventsQuery& query) {
  const Api::Parts& parts = call.context.parts;
  const MonoTime deadline = parts.clock.Now() + query.wait;
  const std::shared_ptr<feed::Feed::Waiter> waiter = parts.feed.NewWaiter();
  const std::function<void()> cancel = [waiter] { waiter->Cancel(); };
  OpenWaits::Ticket ticket(call.context.waits, OpenWaits::Kind::kLongPoll, cancel);
  call.exchange.OnPeerClosed(cancel);
  while (true) {
    Result<feed::Page> page = parts.feed.Read(query.run, query.since, query.limit);
    if (!page || HasNews(*page) || parts.clock.Now() >= deadline || call.context.waits.ended() ||
        call.exchange.peer_closed())
      co_return page;
    co_await parts.feed.Wait(query.run, query.since, deadline, waiter);
  }
}

// Once the answer is sent.
void NoteDelivery(Call& call, const feed::Page& page) {
  Observer* const observer = call.context.parts.observer;
  if (observer == nullptr) return;
  std::vector<WallTime> read_at;
  for (const auto& event : page.events) read_at.push_back(event->created_at);
  call.after_answer = [&exchange = call.exchange, observer, read_at = std::move(read_at)] {
    if (!exchange.peer_closed()) observer->OnDelivered(ReadWay::kLongPoll, read_at);
  };
}

}  // namespace

asio::awaitable<Result<Answer>> GetEvents(Call& call) {
  VM0_CO_ASSIGN(const EventsQuery query, ParseQuery(call));
  if (WantsStream(call.request())) co_return StreamEvents(call, query);
  Result<feed::Page> page = call.context.parts.feed.Read(query.run, query.since, query.limit);
  const bool waits = page && query.wait > Seconds(0) && !HasNews(*page);
  if (waits) page = co_await WaitForPage(call, query);
  if (!page) co_return Fail(page.error());
  const ReadWay way = query.wait > Seconds(0) ? ReadWay::kLongPoll : ReadWay::kPoll;
  call.context.counts.Read(way);
  if (page->events.empty()) call.context.counts.Empty(way);
  if (waits && !page->events.empty()) NoteDelivery(call, *page);
  co_return JsonResponse(200, FormatPage(*page, query.view));
}

asio::awaitable<Result<Answer>> GetEventsSocket(Call& call) {
  VM0_CO_ASSIGN(http::Response head, http::AcceptWebSocket(call.request(), kWebSocketProtocol));
  VM0_CO_ASSIGN(const EventsQuery query, ParseQuery(call));
  VM0_CO_TRY(StartReading(call, query, Framing::kWebSocket, std::move(head)));
  co_return std::nullopt;
}

}  // namespace vm0::api
