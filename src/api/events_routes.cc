// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "api/inputs.h"
#include "api/page.h"
#include "api/respond.h"
#include "api/routes.h"

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

Result<EventsQuery> ParseQuery(const Call& call) {
  VM0_ASSIGN(const store::Run run, FindOwnRun(call, call.id));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  VM0_ASSIGN(const std::int64_t since, IntQuery(call.target, "since", 0, kMost, 0));
  VM0_ASSIGN(const std::int64_t limit, IntQuery(call.target, "limit", 1, kMaxLimit, kDefaultLimit));
  VM0_ASSIGN(const std::int64_t wait, IntQuery(call.target, "wait", 0, kMaxWaitSeconds, 0));
  const std::optional<View> view = FindView(call.target.Query("view").value_or("raw"));
  if (!view) return Fail(Code::kBadRequest, "view must be raw, parsed or both");
  return EventsQuery{run.id, since, static_cast<int>(limit), Seconds(wait), *view};
}

// Whether a long-poll has something to answer with.
bool HasNews(const feed::Page& page) {
  return !page.events.empty() || store::IsTerminal(page.run.status);
}

// The next page with news, or the page as it is at the deadline.
asio::awaitable<Result<feed::Page>> WaitForPage(Call& call, const EventsQuery& query) {
  const Api::Parts& parts = call.context.parts;
  const MonoTime deadline = parts.clock.Now() + query.wait;
  const std::shared_ptr<feed::Feed::Waiter> waiter = parts.feed.NewWaiter();
  const std::function<void()> cancel = [waiter] { waiter->Cancel(); };
  OpenWaits::Ticket ticket(call.context.waits, OpenWaits::Kind::kRead, cancel);
  call.exchange.OnPeerClosed(cancel);
  while (true) {
    Result<feed::Page> page = parts.feed.Read(query.run, query.since, query.limit);
    if (!page || HasNews(*page) || parts.clock.Now() >= deadline || call.context.waits.ended() ||
        call.exchange.peer_closed())
      co_return page;
    co_await parts.feed.Wait(query.run, query.since, deadline, waiter);
  }
}

}  // namespace

asio::awaitable<Result<Answer>> GetEvents(Call& call) {
  VM0_CO_ASSIGN(const EventsQuery query, ParseQuery(call));
  Result<feed::Page> page = call.context.parts.feed.Read(query.run, query.since, query.limit);
  if (page && query.wait > Seconds(0) && !HasNews(*page)) page = co_await WaitForPage(call, query);
  if (!page) co_return Fail(page.error());
  co_return JsonResponse(200, FormatPage(*page, query.view));
}

}  // namespace vm0::api
