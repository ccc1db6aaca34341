// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace vm0::event {

// Who wrote an event. Only the supervisor decides it, so an agent can not pass for vm0.
enum class Source : std::uint8_t {
  kAgent,   // a JSON object on the agent's stdout
  kStdout,  // any other line of the agent's stdout
  kStderr,  // a line of the agent's stderr
  kVm0,     // vm0's own word on the run: a cut line, a kill, a lost supervisor
};

std::string_view NameOf(Source source);
std::optional<Source> FindSource(std::string_view name);

// One event as it is stored: a value, bytes as the agent wrote them (after masking).
struct Event {
  std::int64_t sequence = 0;  // 1..N in a run, without gap
  WallTime created_at{};      // never goes backward within a run
  Source source = Source::kAgent;
  std::string type;  // the API's eventType: see TypeOf in classify.h
  std::string json;  // the raw event: one valid JSON object, without '\n'

  bool operator==(const Event&) const = default;
};

}  // namespace vm0::event
