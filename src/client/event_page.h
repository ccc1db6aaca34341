// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "event/event.h"

namespace vm0::client {

struct RunState {
  std::string status;  // "running"; of a newer server perhaps a word we do not know
  std::optional<std::string> error;
  std::optional<std::string> error_code;  // a name of base/error.h, or of a newer server's
  std::optional<json::object> result;
  bool is_terminal() const;
};

// One event as the API gave it.
struct ReceivedEvent {
  std::int64_t sequence = 0;
  std::string type;
  event::Source source = event::Source::kAgent;
  WallTime created_at{};
  std::string data;      // eventData, byte for byte
  std::string envelope;  // the whole JSON object of the page, byte for byte
};

struct EventPage {
  std::vector<ReceivedEvent> events;
  std::int64_t next_sequence = 0;
  bool has_more = false;
  RunState run;
  std::string provider;
  std::string dialect;
};

// Parses an events page without re-encoding the events. Fields that we do not know are skipped, a
// `source` that we do not know counts as vm0's. kUnreachable when it is none.
Result<EventPage> ParseEventPage(std::string_view body);

// The same for one event, and for the run's state.
Result<ReceivedEvent> ParseEvent(std::string_view envelope);
Result<RunState> ParseRunState(std::string_view text);

// A time of the API, "2025-11-20T08:00:00.123Z". Only shown to people: what can't be read is the
// epoch, and no reason to lose an event.
WallTime ParseTime(std::string_view text);

}  // namespace vm0::client
