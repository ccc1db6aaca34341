// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

// Events as somebody else than our supervisor posts them, taken apart without re-encoding.
namespace vm0::api {

// {"runId","events":[…],"firstSequence"?}, the reference's body.
struct EventsBody {
  std::optional<std::string> run_id;
  std::optional<std::int64_t> first_sequence;
  std::string_view events;  // the raw member; empty when absent. A view into the body
};
Result<EventsBody> ParseEventsBody(std::string_view body);

// The elements of the member `events`. Each must be an object; line breaks between its tokens
// become spaces, all else is kept byte for byte. kBadRequest in the reference's words, or naming
// the element; kPayloadTooLarge for too many or a too long one.
Result<std::vector<std::string>> SplitEventsArray(std::string_view events);

// One event a line; empty lines are skipped. Errors name the line.
Result<std::vector<std::string>> SplitNdjson(std::string_view body);

// How a body of events is written, by its content type.
enum class EventsFormat { kRecords, kNdjson, kJson };
// Anything unknown is JSON. kBadRequest for records of a version that is not spoken here.
Result<EventsFormat> FormatOfEvents(const http::Headers& headers);

}  // namespace vm0::api
