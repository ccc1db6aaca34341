// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <limits>

#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"
#include "base/json.h"

namespace vm0::api {
namespace {

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMaxLimit = 1000;
// Events that one request looks at: most of them are of the agent.
constexpr int kReadAtOnce = 1000;
constexpr std::int64_t kMaxScanned = 10'000;

constexpr std::array<std::string_view, 9> kFields = {
    "method", "host", "path", "status", "sent", "received", "ms", "refusal", "times"};

// The entry that an event is; empty when it is another event.
std::string FormatEntry(const event::Event& event) {
  if (event.source != event::Source::kVm0) return "";
  const auto object = ParseJsonObject(event.json, "event");
  if (!object || StringMember(*object, "event") != "network") return "";
  ObjectWriter entry;
  entry.Number("sequence", event.sequence).Time("createdAt", event.created_at);
  for (const std::string_view name : kFields) {
    if (const json::value* value = Member(*object, name)) entry.Raw(name, ToJson(*value));
  }
  return entry.Take();
}

struct NetworkPage {
  std::string entries = "[";
  std::int64_t count = 0;
  std::int64_t cursor = 0;
  bool has_more = true;
};

// Takes what it wants of a page; stops behind the last entry that the limit allows.
void TakeEntries(const feed::Page& page, std::int64_t limit, NetworkPage& result) {
  for (const auto& event : page.events) {
    if (result.count == limit) return;
    result.cursor = event->sequence;
    const std::string entry = FormatEntry(*event);
    if (entry.empty()) continue;
    if (result.count++ > 0) result.entries += ',';
    result.entries += entry;
  }
  result.has_more = page.has_more;
}

}  // namespace

asio::awaitable<Result<Answer>> GetNetwork(Call& call) {
  VM0_CO_ASSIGN(const store::Run run, FindOwnRun(call, call.id));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  NetworkPage result;
  VM0_CO_ASSIGN(result.cursor, IntQuery(call.target, "since", 0, kMost, 0));
  VM0_CO_ASSIGN(const std::int64_t limit,
                IntQuery(call.target, "limit", 1, kMaxLimit, kDefaultLimit));
  const std::int64_t stop =
      result.cursor > kMost - kMaxScanned ? kMost : result.cursor + kMaxScanned;
  while (result.has_more && result.count < limit && result.cursor < stop) {
    const auto page = call.context.parts.feed.Read(run.id, result.cursor, kReadAtOnce);
    if (!page) co_return Fail(page.error());
    TakeEntries(*page, limit, result);
  }
  ObjectWriter body;
  body.Raw("entries", result.entries + "]").Number("nextSequence", result.cursor);
  body.Bool("hasMore", result.has_more);
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
