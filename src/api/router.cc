// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include <algorithm>
#include <array>
#include <optional>

#include "api/routes.h"

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

// What ":id" stands for ("" if there is none); nullopt when the pattern does not match. Done for
// every route with every request: it allocates nothing.
std::optional<std::string_view> MatchPattern(std::string_view pattern, const http::Target& target) {
  std::string_view id;
  for (const std::string& segment : target.segments) {
    if (pattern.empty()) return std::nullopt;
    pattern.remove_prefix(1);  // the slash
    const std::string_view part = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(part.size());
    if (part == ":id" && !segment.empty()) {
      id = segment;
    } else if (part != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty()) return std::nullopt;
  return id;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

RouteMatch FindRoute(std::string_view method, const http::Target& target) {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : kRoutes) {
    const auto id = MatchPattern(route.pattern, target);
    if (!id) continue;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method == "GET" ? "GET, HEAD" : route.method;
    if (route.method != wanted) continue;
    match.route = &route;
    match.id = *id;
  }
  return match;
}

}  // namespace vm0::api
