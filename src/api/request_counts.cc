// SPDX-License-Identifier: Apache-2.0
#include "api/request_counts.h"

#include <algorithm>

namespace vm0::api {
namespace {

struct Prefix {
  std::string_view text;
  RouteGroup group;
};
// The first one that fits decides.
constexpr Prefix kPrefixes[] = {
    {"/api/agent/configs", RouteGroup::kConfigs},
    {"/api/agent/runs/:id/events", RouteGroup::kEvents},
    {"/api/agent/runs", RouteGroup::kRuns},
    {"/api/agent/proofs", RouteGroup::kRuns},
    {"/api/agent/prune", RouteGroup::kRuns},
    {"/api/agent/secrets", RouteGroup::kSecrets},
    {"/api/webhooks/", RouteGroup::kWebhooks},
    {"/api/runner/", RouteGroup::kRunner},
    {"/api/tokens", RouteGroup::kTokens},
};

}  // namespace

std::string_view NameOf(ReadWay way) {
  switch (way) {
    case ReadWay::kPoll:
      return "poll";
    case ReadWay::kLongPoll:
      return "long_poll";
    case ReadWay::kSse:
      return "sse";
    case ReadWay::kWebSocket:
      return "websocket";
  }
  return "";
}

std::string_view NameOf(RouteGroup group) {
  constexpr std::array<std::string_view, kRouteGroups.size()> kNames = {
      "none", "server", "configs", "runs", "events", "secrets", "tokens", "webhooks", "runner"};
  return kNames[static_cast<std::size_t>(group)];
}

RouteGroup GroupOf(std::string_view pattern) {
  const auto* found = std::ranges::find_if(
      kPrefixes, [&](const Prefix& prefix) { return pattern.starts_with(prefix.text); });
  return found == std::end(kPrefixes) ? RouteGroup::kServer : found->group;
}

void RequestCounts::Answered(RouteGroup group, int status) {
  const auto digit = static_cast<std::size_t>(std::clamp(status / 100, 2, 5));
  ++answers[static_cast<std::size_t>(group)][digit];
}

}  // namespace vm0::api
