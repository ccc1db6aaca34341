// SPDX-License-Identifier: Apache-2.0
#include "api/outsider_events.h"

#include <algorithm>
#include <limits>

#include "api/inputs.h"
#include "base/json_scan.h"
#include "base/text.h"
#include "event/classify.h"
#include "event/record.h"
#include "feed/feed.h"

namespace vm0::api {
namespace {

std::unexpected<Error> Refuse(std::string message) {
  return Fail(Code::kBadRequest, std::move(message));
}

Status ReadRunId(std::string_view raw, EventsBody& parsed) {
  if (raw == "null") return {};
  parsed.run_id = DecodeJsonString(raw);
  return parsed.run_id ? Status() : Refuse("runId must be a string");
}

Status ReadFirstSequence(std::string_view raw, EventsBody& parsed) {
  if (raw == "null") return {};
  parsed.first_sequence = ParseInt(raw);
  if (!parsed.first_sequence || *parsed.first_sequence < 1)
    return Refuse("firstSequence must be a whole number from 1 on");
  return {};
}

Status ReadMember(const JsonMember& member, EventsBody& parsed) {
  if (member.HasKey("runId")) return ReadRunId(member.value, parsed);
  if (member.HasKey("firstSequence")) return ReadFirstSequence(member.value, parsed);
  if (member.HasKey("events")) parsed.events = member.value;
  if (member.HasKey("v") && member.value != "1")
    return Refuse("Unknown version \"v\":" + Shown(member.value) + "; this server speaks 1");
  return {};
}

// Line breaks in JSON text are white space: strings have them escaped.
std::string OnOneLine(std::string_view json) {
  std::string line(json);
  std::ranges::replace(line, '\n', ' ');
  return line;
}

// `where` names the event in messages: "events[3]", "line 4".
Status AddEvent(std::string event, const std::string& where, std::vector<std::string>& events) {
  if (events.size() >= feed::kMaxAppendEvents)
    return Fail(Code::kPayloadTooLarge,
                "Send at most " + std::to_string(feed::kMaxAppendEvents) + " events at once");
  if (event.size() > event::kMaxLineLimit)
    return Fail(Code::kPayloadTooLarge, where + " is longer than 16 MiB");
  if (!event::IsEvent(event)) return Refuse(where + " must be a JSON object in valid UTF-8");
  events.push_back(std::move(event));
  return {};
}

// The parameter of a content type: "1" of "application/x-vm0-events; v=1".
std::string_view Parameter(std::string_view type, std::string_view name) {
  for (const std::string_view part : Split(type, ';')) {
    const std::string_view text = TrimAscii(part);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && TrimAscii(text.substr(0, equals)) == name)
      return TrimAscii(text.substr(equals + 1));
  }
  return "";
}

}  // namespace

Result<EventsBody> ParseEventsBody(std::string_view body) {
  if (const auto error = CheckJson(body))
    return Refuse("Request body is not valid JSON: " + std::string(error->reason) + " at byte " +
                  std::to_string(error->position));
  EventsBody parsed;
  JsonObjectScanner scan(body);
  while (const auto member = scan.Next()) VM0_TRY(ReadMember(*member, parsed));
  if (!scan.ok()) return Refuse("Request body must be a JSON object");
  return parsed;
}

Result<std::vector<std::string>> SplitEventsArray(std::string_view array) {
  if (!array.starts_with('[')) return Refuse("Missing or invalid events array");
  std::vector<std::string> events;
  JsonArrayScanner scan(array);
  while (const auto element = scan.Next()) {
    const std::string where = "events[" + std::to_string(events.size()) + "]";
    VM0_TRY(AddEvent(OnOneLine(*element), where, events));
  }
  if (events.empty()) return Refuse("Events array cannot be empty");
  return events;
}

Result<std::vector<std::string>> SplitNdjson(std::string_view body) {
  std::vector<std::string> events;
  std::size_t number = 0;
  for (const std::string_view line : Split(body, '\n')) {
    ++number;
    if (TrimAscii(line).empty()) continue;
    VM0_TRY(AddEvent(std::string(line), "line " + std::to_string(number), events));
  }
  if (events.empty()) return Refuse("Events array cannot be empty");
  return events;
}

Result<EventsFormat> FormatOfEvents(const http::Headers& headers) {
  const std::string type = ToLowerAscii(headers.Find("content-type").value_or(""));
  const std::string_view media = TrimAscii(std::string_view(type).substr(0, type.find(';')));
  if (media == "application/x-ndjson") return EventsFormat::kNdjson;
  constexpr std::string_view kRecords =
      event::kRecordContentType.substr(0, event::kRecordContentType.find(';'));
  if (media != kRecords) return EventsFormat::kJson;
  const std::string_view version = Parameter(type, "v");
  if (version == "1") return EventsFormat::kRecords;
  return Refuse("Unknown version of " + std::string(kRecords) + ": v=" + Shown(version) +
                "; this server speaks v=1");
}

}  // namespace vm0::api
