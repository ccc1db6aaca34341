// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "api/routes.h"
#include "base/text.h"

namespace vm0::api {
namespace {

// clang-format off
constexpr Route kRoutes[] = {
    {"GET",    "/healthz",                       Access::kOpen,    GetHealth},
    {"GET",    "/readyz",                        Access::kOpen,    GetReady},
    {"GET",    "/metrics",                       Access::kMetrics, GetMetrics},
    {"GET",    "/openapi.json",                  Access::kOpen,    GetOpenApi},
    {"POST",   "/api/server/handover",           Access::kAdmin,   PostHandover},
    {"GET",    "/api/server/backup",             Access::kAdmin,   GetBackup},
    {"POST",   "/api/agent/configs",             Access::kUser,    PostConfig},
    {"GET",    "/api/agent/configs",             Access::kUser,    FindConfig},
    {"GET",    "/api/agent/configs/:id",         Access::kUser,    GetConfig},
    {"POST",   "/api/agent/runs",                Access::kUser,    PostRun},
    {"GET",    "/api/agent/runs",                Access::kUser,    ListRuns},
    {"GET",    "/api/agent/runs/:id",            Access::kUser,    GetRun},
    {"GET",    "/api/agent/runs/:id/events",     Access::kUser,    GetEvents},
    {"GET",    "/api/agent/runs/:id/events/ws",  Access::kUser,    GetEventsSocket},
    {"GET",    "/api/agent/runs/:id/records",    Access::kUser,    GetRecords},
    {"GET",    "/api/agent/runs/:id/proof",      Access::kUser,    GetProof},
    {"GET",    "/api/agent/proofs",              Access::kUser,    ListProofs},
    {"GET",    "/api/agent/runs/:id/network",    Access::kUser,    GetNetwork},
    {"POST",   "/api/agent/runs/:id/cancel",     Access::kUser,    PostCancel},
    {"POST",   "/api/agent/prune",               Access::kUser,    PostPrune},
    {"GET",    "/api/agent/secrets",             Access::kUser,    ListSecrets},
    {"PUT",    "/api/agent/secrets/:id",         Access::kUser,    PutSecret},
    {"DELETE", "/api/agent/secrets/:id",         Access::kUser,    DeleteSecret},
    {"POST",   "/api/webhooks/agent-events",     Access::kWebhook, PostEvents},
    {"POST",   "/api/webhooks/agent/events",     Access::kWebhook, PostEvents},
    {"POST",   "/api/webhooks/agent/start",      Access::kWebhook, PostStart},
    {"POST",   "/api/webhooks/agent/heartbeat",  Access::kWebhook, PostHeartbeat},
    {"GET",    "/api/webhooks/agent/control",    Access::kWebhook, GetControl},
    {"POST",   "/api/webhooks/agent/complete",   Access::kWebhook, PostComplete},
    {"POST",   "/api/runner/claim",              Access::kRunner,  PostClaim},
    {"POST",   "/api/runner/release",            Access::kRunner,  PostRelease},
    {"POST",   "/api/runner/adopt",              Access::kRunner,  PostAdopt},
    {"GET",    "/api/runner/runs",               Access::kRunner,  ListUnfinished},
    {"POST",   "/api/tokens",                    Access::kAdmin,   PostToken},
    {"GET",    "/api/tokens",                    Access::kUser,    ListTokens},
    {"DELETE", "/api/tokens/:id",                Access::kUser,    DeleteToken},
};
// clang-format on

// What ":id" stands for ("" if there is none); nullopt when the pattern does not match.
std::optional<std::string> MatchPattern(std::string_view pattern, const http::Target& target) {
  const auto parts = Split(pattern.substr(1), '/');
  if (parts.size() != target.segments.size()) return std::nullopt;
  std::string id;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == ":id" && !target.segments[i].empty()) {
      id = target.segments[i];
    } else if (parts[i] != target.segments[i]) {
      return std::nullopt;
    }
  }
  return id;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

RouteMatch FindRoute(std::string_view method, const http::Target& target) {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : kRoutes) {
    auto id = MatchPattern(route.pattern, target);
    if (!id) continue;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method == "GET" ? "GET, HEAD" : route.method;
    if (route.method != wanted) continue;
    match.route = &route;
    match.id = *std::move(id);
  }
  return match;
}

}  // namespace vm0::api
