// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "event/event.h"

namespace vm0::event {

// What one line is. The one answer of supervisor and ingest alike (docs/protocol.md 2).
struct Classified {
  Source source;
  std::string json;  // the event: the line itself, or the object made for it

  bool operator==(const Classified&) const = default;
};

// A line of stdout, without its '\n'. A line that is valid UTF-8 and that JSON.parse would accept
// as an object is an event of the agent, kept byte for byte; any other becomes
// {"type":"stdout","text":…}, with "base64" added when it is not UTF-8 (text then has U+FFFD).
Classified Classify(std::string_view line);
// A line of stderr: always {"type":"stderr","text":…}, the same way.
Classified ClassifyStderr(std::string_view line);

// True if `json` may be stored as an event: valid UTF-8, one JSON object, no '\n'.
bool IsEvent(std::string_view json);

// The event's last top-level "type" if that is a string of 1 to 50 characters, else "unknown".
// `json` must be an event.
std::string TypeOf(std::string_view json);

// The bytes of the line that a stdout or stderr event was made from: "base64" decoded if there,
// else "text". For `vm0 logs --raw`.
std::string LineOf(std::string_view json);

}  // namespace vm0::event
