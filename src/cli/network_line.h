// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "client/event_page.h"
#include "term/style.h"

namespace vm0::cli {

// What an agent did on the network, as an event of source vm0 tells it; nullopt for other events.
std::optional<json::object> NetworkEventOf(const client::ReceivedEvent& event);
// Whether it was refused, or failed.
bool IsRefusal(const json::object& network_event);

// "<time>  <status>  <method>  <host><path>  sent 1 B, received 20 kB, 35 ms", or with the reason
// at the end, in red, for a refusal. On one line, harmless for a terminal, with its line break.
std::string FormatNetworkLine(const json::object& network_event, WallTime time,
                              term::Colour colour);

}  // namespace vm0::cli
