// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vm0::api {

// How readers get a run's events.
enum class ReadWay : std::uint8_t { kPoll, kLongPoll, kSse, kWebSocket };
inline constexpr std::array kReadWays = {ReadWay::kPoll, ReadWay::kLongPoll, ReadWay::kSse,
                                         ReadWay::kWebSocket};
std::string_view NameOf(ReadWay way);  // "poll", "long_poll", "sse", "websocket"

// Which routes belong together.
enum class RouteGroup : std::uint8_t {
  kNone,  // no route: an unknown path
  kServer,
  kConfigs,
  kRuns,
  kEvents,
  kSecrets,
  kTokens,
  kWebhooks,
  kRunner,
};
inline constexpr std::array kRouteGroups = {
    RouteGroup::kNone,   RouteGroup::kServer,   RouteGroup::kConfigs,
    RouteGroup::kRuns,   RouteGroup::kEvents,   RouteGroup::kSecrets,
    RouteGroup::kTokens, RouteGroup::kWebhooks, RouteGroup::kRunner};
std::string_view NameOf(RouteGroup group);  // "none", "server", …
RouteGroup GroupOf(std::string_view pattern);

// What was asked and answered since the server's start.
struct RequestCounts {
  // Answers by group and by the first digit of their status, 2 to 5. A stream counts as 2 when it
  // begins.
  std::array<std::array<std::uint64_t, 6>, kRouteGroups.size()> answers{};
  // Requests for events that were not refused, by way, and those of the first two ways that were
  // answered without an event.
  std::array<std::uint64_t, kReadWays.size()> reads{};
  std::array<std::uint64_t, kReadWays.size()> empty{};

  void Answered(RouteGroup group, int status);
  void Read(ReadWay way) { ++reads[static_cast<std::size_t>(way)]; }
  void Empty(ReadWay way) { ++empty[static_cast<std::size_t>(way)]; }
};

}  // namespace vm0::api
