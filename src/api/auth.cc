// SPDX-License-Identifier: Apache-2.0
#include "api/auth.h"

#include <algorithm>

#include "base/text.h"
#include "http/websocket.h"
#include "run/runs.h"
#include "store/secret_box.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxTokenSize = 256;

std::unexpected<Error> NotAuthenticated(std::string_view why) {
  return Fail(Code::kUnauthorized, "Not authenticated: " + std::string(why));
}

bool IsVisibleAscii(char c) { return c > ' ' && c < '\x7f'; }

bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenSize && std::ranges::all_of(text, IsVisibleAscii);
}

// By a request for WebSocket alone.
std::optional<std::string_view> OfferedToken(const http::Request& request) {
  if (!request.headers.Find("Upgrade")) return std::nullopt;
  for (const std::string_view offered : http::OfferedProtocols(request)) {
    if (offered.starts_with(kTokenProtocolPrefix))
      return offered.substr(kTokenProtocolPrefix.size());
  }
  return std::nullopt;
}

Result<std::string_view> BearerToken(const http::Request& request) {
  const auto header = request.headers.Find("authorization");
  if (!header) {
    if (const auto offered = OfferedToken(request)) {
      if (IsToken(*offered)) return *offered;
      return NotAuthenticated("the token in Sec-WebSocket-Protocol is malformed");
    }
    return NotAuthenticated("the Authorization header is missing; send \"Bearer <token>\"");
  }
  const std::size_t space = header->find(' ');
  const std::string_view token =
      space == std::string_view::npos ? "" : TrimAscii(header->substr(space + 1));
  if (ToLowerAscii(header->substr(0, space)) != "bearer" || !IsToken(token))
    return NotAuthenticated("the Authorization header is malformed; send \"Bearer <token>\"");
  return token;
}

}  // namespace

Result<Principal> Authenticate(const http::Request& request, store::RunStore& store, WallTime now) {
  VM0_ASSIGN(const std::string_view text, BearerToken(request));
  VM0_ASSIGN(const std::optional<store::Token> token, store.FindToken(store::HashToken(text)));
  if (!token) return NotAuthenticated("the token is unknown or was revoked");
  if (token->expires_at && *token->expires_at <= now)
    return NotAuthenticated("the token has expired");

  Principal principal;
  principal.kind = token->kind;
  principal.user_id = token->user_id;
  principal.host_scope = token->host_scope || principal.is_admin();
  principal.attempt = token->attempt;
  if (!principal.is_run()) return principal;

  if (token->run_id) {
    VM0_ASSIGN(principal.run, store.FindRun(*token->run_id));
  }
  if (!principal.run) return NotAuthenticated("the token's run is gone");
  if (run::Runs::TokenIsVoid(*principal.run, token->attempt, now))
    return NotAuthenticated("the token has expired: its run has ended");
  return principal;
}

bool HasToken(const http::Request& request, std::string_view token) {
  const auto text = BearerToken(request);
  // Hashes, so that how long it takes tells nothing of the token.
  return text && !token.empty() && store::HashToken(*text) == store::HashToken(token);
}

Status Authorize(const Principal& principal, Access access) {
  if (access == Access::kOpen || access == Access::kWebhook) return {};
  if (principal.is_run())
    return Fail(Code::kForbidden, "A run token may only be used on /api/webhooks/agent/…");
  if (access != Access::kUser && !principal.is_admin())
    return Fail(Code::kForbidden, access == Access::kMetrics
                                      ? "This needs the admin's token, or the one in "
                                        "<data-dir>/metrics.token"
                                      : "This needs the admin's token: <data-dir>/admin.token");
  return {};
}

}  // namespace vm0::api
