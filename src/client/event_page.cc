// SPDX-License-Identifier: Apache-2.0
#include "client/event_page.h"

#include <array>
#include <utility>

#include "base/json_scan.h"
#include "base/text.h"

namespace vm0::client {
namespace {

std::unexpected<Error> NotAPage(const std::string& what) {
  return Fail(Code::kUnreachable, "The server's answer is no page of events: " + what +
                                      ". Is it a vm0 server, and not a proxy before it?");
}

std::optional<int> Digits(std::string_view text, std::size_t from, std::size_t count) {
  int value = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

Result<std::vector<ReceivedEvent>> ParseEvents(std::string_view array) {
  std::vector<ReceivedEvent> events;
  JsonArrayScanner scan(array);
  while (auto element = scan.Next()) {
    VM0_ASSIGN(auto event, ParseEvent(*element));
    events.push_back(std::move(event));
  }
  if (!scan.ok()) return NotAPage("events is no array");
  return events;
}

}  // namespace

bool RunState::is_terminal() const {
  static constexpr std::array<std::string_view, 4> kTerminal = {"completed", "failed", "timeout",
                                                                "cancelled"};
  for (const std::string_view name : kTerminal)
    if (status == name) return true;
  return false;
}

WallTime ParseTime(std::string_view text) {
  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return {};
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return {};
  const Millis millis{Digits(text, 20, 3).value_or(0)};
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         Seconds(*second) + millis;
}

Result<ReceivedEvent> ParseEvent(std::string_view envelope) {
  ReceivedEvent event;
  event.envelope = envelope;
  bool has_number = false;
  JsonObjectScanner scan(envelope);
  while (auto member = scan.Next()) {
    if (member->HasKey("sequenceNumber")) {
      const auto number = ParseInt(member->value);
      has_number = number.has_value();
      event.sequence = number.value_or(0);
    } else if (member->HasKey("eventType")) {
      event.type = DecodeJsonString(member->value).value_or("unknown");
    } else if (member->HasKey("source")) {
      const auto name = DecodeJsonString(member->value).value_or("");
      event.source = event::FindSource(name).value_or(event::Source::kVm0);
    } else if (member->HasKey("createdAt")) {
      event.created_at = ParseTime(DecodeJsonString(member->value).value_or(""));
    } else if (member->HasKey("eventData")) {
      event.data = member->spaced_value;
    }
  }
  if (!scan.ok()) return NotAPage("an event is no object");
  if (!has_number) return NotAPage("an event has no sequenceNumber");
  if (event.data.empty())
    return NotAPage("event " + std::to_string(event.sequence) + " has no eventData");
  return event;
}

Result<RunState> ParseRunState(std::string_view text) {
  const auto object = ParseJsonObject(text, "run");
  if (!object) return NotAPage(object.error().message);
  RunState run;
  const auto status = StringMember(*object, "status");
  if (!status) return NotAPage("run has no status");
  run.status = *status;
  if (const auto error = StringMember(*object, "error")) run.error = std::string(*error);
  if (const auto code = StringMember(*object, "errorCode")) run.error_code = std::string(*code);
  if (const json::object* result = ObjectMember(*object, "result")) run.result = *result;
  return run;
}

Result<EventPage> ParseEventPage(std::string_view body) {
  EventPage page;
  bool has_events = false, has_cursor = false, has_more = false, has_run = false;
  JsonObjectScanner scan(body);
  while (auto member = scan.Next()) {
    if (member->HasKey("events")) {
      VM0_ASSIGN(page.events, ParseEvents(member->value));
      has_events = true;
    } else if (member->HasKey("nextSequence")) {
      const auto number = ParseInt(member->value);
      has_cursor = number.has_value();
      page.next_sequence = number.value_or(0);
    } else if (member->HasKey("hasMore")) {
      has_more = member->value == "true" || member->value == "false";
      page.has_more = member->value == "true";
    } else if (member->HasKey("run")) {
      VM0_ASSIGN(page.run, ParseRunState(member->value));
      has_run = true;
    } else if (member->HasKey("provider")) {
      page.provider = DecodeJsonString(member->value).value_or("");
    } else if (member->HasKey("dialect")) {
      page.dialect = DecodeJsonString(member->value).value_or("");
    }
  }
  if (!scan.ok()) return NotAPage("no JSON object");
  if (!has_events) return NotAPage("events is missing");
  if (!has_cursor) return NotAPage("nextSequence is missing");
  if (!has_more) return NotAPage("hasMore is missing");
  if (!has_run) return NotAPage("run is missing");
  return page;
}

}  // namespace vm0::client
