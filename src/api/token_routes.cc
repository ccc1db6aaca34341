// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxNameSize = 255;
constexpr std::size_t kMaxUserSize = 64;
constexpr std::int64_t kMaxExpirySeconds = kMaxDuration.count();

bool IsUserId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxUserSize && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._@-").find(c) != std::string_view::npos;
  });
}

Result<store::Token> ParseToken(const Call& call) {
  VM0_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_ASSIGN(const std::optional<std::string> name, StringField(body, "name"));
  VM0_ASSIGN(const std::optional<std::string> user, StringField(body, "user"));
  VM0_ASSIGN(const std::optional<bool> host_scope, BoolField(body, "hostScope"));
  VM0_ASSIGN(const std::optional<std::int64_t> expires_in,
             IntWithin(body, "expiresIn", 1, kMaxExpirySeconds));
  VM0_TRY(RefuseUnknownFields(body, {"name", "user", "hostScope", "expiresIn"}));
  if (!name || name->empty()) return Fail(Code::kBadRequest, "Missing name");
  if (name->size() > kMaxNameSize) return Fail(Code::kBadRequest, "name must be at most 255 bytes");
  if (user && !IsUserId(*user))
    return Fail(Code::kBadRequest, "user must be 1 to 64 characters of A-Z a-z 0-9 . _ @ -");
  store::Token token;
  token.kind = store::Token::Kind::kUser;
  token.name = *name;
  token.user_id = user.value_or(call.principal.user_id);
  token.host_scope = host_scope.value_or(false);
  token.created_at = call.context.parts.clock.WallNow();
  token.id = TokenId::New(token.created_at);
  if (expires_in) token.expires_at = token.created_at + Seconds(*expires_in);
  return token;
}

// What anybody may know of a token: all but itself.
void WriteToken(ObjectWriter& body, const store::Token& token) {
  body.Text("name", token.name).Text("user", token.user_id);
  body.Text("kind", token.kind == store::Token::Kind::kAdmin ? "admin" : "user");
  body.Bool("hostScope", token.host_scope || token.kind == store::Token::Kind::kAdmin);
  body.Time("createdAt", token.created_at).TimeIf("expiresAt", token.expires_at);
}

// Whose tokens a principal sees and revokes: empty means everybody's.
std::string Owner(const Principal& principal) {
  return principal.is_admin() ? "" : principal.user_id;
}

Result<TokenId> FindRevocable(const Call& call) {
  const std::optional<TokenId> id = TokenId::Parse(call.id);
  if (!id) return Fail(Code::kBadRequest, "Invalid token id: " + Shown(call.id));
  VM0_ASSIGN(const std::vector<store::Token> tokens,
             call.reader().runs.ListTokens(Owner(call.principal)));
  const auto token = std::ranges::find(tokens, *id, &store::Token::id);
  if (token == tokens.end()) return Fail(Code::kNotFound, "Token not found");
  // The local CLI and the runner would be locked out until the next start.
  if (token->kind == store::Token::Kind::kAdmin)
    return Fail(Code::kConflict,
                "The admin's token can't be revoked here: remove <data-dir>/admin.token and "
                "restart the server");
  return *id;
}

}  // namespace

asio::awaitable<Result<Answer>> PostToken(Call& call) {
  VM0_CO_ASSIGN(store::Token token, ParseToken(call));
  const std::string secret = store::NewToken("vm0_live_");
  token.hash = store::HashToken(secret);
  const WallTime now = token.created_at;
  // Issuing is the moment to forget what has expired.
  const std::function<Result<bool>(store::Stores&)> work =
      [token, now](store::Stores& stores) -> Result<bool> {
    VM0_TRY(stores.runs.RemoveExpiredTokens(now));
    VM0_TRY(stores.runs.InsertToken(token));
    return true;
  };
  const Result<bool> done = co_await call.context.parts.database.Write<bool>(work);
  if (!done) co_return Fail(done.error());
  ObjectWriter body;
  body.Text("id", token.id.ToString()).Text("token", secret);
  WriteToken(body, token);
  co_return JsonResponse(201, body.Take());
}

asio::awaitable<Result<Answer>> ListTokens(Call& call) {
  VM0_CO_ASSIGN(const std::vector<store::Token> tokens,
                call.reader().runs.ListTokens(Owner(call.principal)));
  std::string list = "[";
  for (const store::Token& token : tokens) {
    if (list.size() > 1) list += ',';
    ObjectWriter entry;
    entry.Text("id", token.id.ToString());
    WriteToken(entry, token);
    list += entry.Take();
  }
  ObjectWriter body;
  body.Raw("tokens", list + "]");
  co_return JsonResponse(200, body.Take());
}

asio::awaitable<Result<Answer>> DeleteToken(Call& call) {
  VM0_CO_ASSIGN(const TokenId id, FindRevocable(call));
  const std::string owner = Owner(call.principal);
  const std::function<Result<bool>(store::Stores&)> work = [owner, id](store::Stores& stores) {
    return stores.runs.RemoveToken(owner, id);
  };
  const Result<bool> removed = co_await call.context.parts.database.Write<bool>(work);
  if (!removed) co_return Fail(removed.error());
  if (!*removed) co_return Fail(Code::kNotFound, "Token not found");
  ObjectWriter body;
  body.Text("id", id.ToString()).Bool("revoked", true);
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
