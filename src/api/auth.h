// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "store/run_store.h"

namespace vm0::api {

// Who makes a request, by its token.
struct Principal {
  store::Token::Kind kind = store::Token::Kind::kUser;
  std::string user_id;
  bool host_scope = false;        // may use what reaches the host; an admin always has it
  std::optional<store::Run> run;  // of a run token: its run, as committed when the request came
  int attempt = 0;                // of a run token

  bool is_admin() const { return kind == store::Token::Kind::kAdmin; }
  bool is_run() const { return kind == store::Token::Kind::kRun; }
};

// The subprotocol that we speak over WebSocket, and what goes before a token that is offered as a
// subprotocol: a browser can set no header there but this one.
inline constexpr std::string_view kWebSocketProtocol = "vm0.events";
inline constexpr std::string_view kTokenProtocolPrefix = "vm0.token.";

// The principal of `Authorization: Bearer <token>`, or of a request for WebSocket that offers
// "vm0.token.<token>". kUnauthorized, "Not authenticated: …", says
// whether that is missing or malformed, or the token unknown or expired.
Result<Principal> Authenticate(const http::Request& request, store::RunStore& store, WallTime now);

// Whether a request bears exactly that token; never an empty one.
bool HasToken(const http::Request& request, std::string_view token);

// What a route asks of its caller.
enum class Access {
  kOpen,     // nothing
  kUser,     // a user's token
  kAdmin,    // the admin's
  kMetrics,  // the admin's, or the one that is for metrics alone
  kRunner,   // the admin's; made by runners
  kWebhook,  // a run token, or the owner of an external run
};

// kForbidden with the reason when the principal may not use such a route.
Status Authorize(const Principal& principal, Access access);

}  // namespace vm0::api
