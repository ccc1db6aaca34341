// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "feed/feed.h"

namespace vm0::api {

// What a reader gets of each event.
enum class View {
  kRaw,     // eventData: the stored bytes
  kParsed,  // parsed: an array, perhaps empty; shapes in docs/parsed-events.md
  kBoth,
};
std::optional<View> FindView(std::string_view name);  // "raw", "parsed", "both"

// What an event costs besides its own bytes, roughly.
inline constexpr std::size_t kEnvelopeBytes = 160;

// One event as every transport gives it. `dialect` is the run's; events that the agent did not
// print parse to nothing.
void AppendEvent(std::string& out, const event::Event& event, View view, std::string_view dialect);
// {"status","result"?,"error"?}
std::string FormatRunState(const store::Run& run);
// A page of the events route.
std::string FormatPage(const feed::Page& page, View view);

}  // namespace vm0::api
