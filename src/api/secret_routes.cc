// SPDX-License-Identifier: Apache-2.0
#include "agent/templates.h"
#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxValueBytes = 64 << 10;
constexpr std::size_t kMaxSecrets = 1000;

Result<std::string> ParseName(const Call& call) {
  if (agent::IsReferenceName(call.id)) return call.id;
  return Fail(Code::kBadRequest, "Invalid secret name: " + Shown(call.id) +
                                     ": 1 to 255 letters, digits and _, no digit first");
}

Result<store::StoredSecret> ParseSecret(const Call& call) {
  VM0_ASSIGN(std::string name, ParseName(call));
  VM0_ASSIGN(const json::object body, ParseBody(call.request()));
  VM0_ASSIGN(const std::optional<std::string> value, StringField(body, "value"));
  VM0_TRY(RefuseUnknownFields(body, {"value"}));
  if (!value || value->empty()) return Fail(Code::kBadRequest, "Missing value");
  if (value->size() > kMaxValueBytes)
    return Fail(Code::kBadRequest, "value must be at most 65536 bytes");
  if (value->find('\0') != std::string::npos)
    return Fail(Code::kBadRequest, "value must not contain a NUL");
  store::StoredSecret secret;
  secret.user_id = call.principal.user_id;
  secret.sealed = call.context.parts.box.Seal({{name, *value}});
  secret.name = std::move(name);
  secret.updated_at = call.context.parts.clock.WallNow();
  return secret;
}

// Whether it is a new one.
Result<bool> Put(store::RunStore& runs, const store::StoredSecret& secret) {
  VM0_ASSIGN(const auto before, runs.FindSecret(secret.user_id, secret.name));
  VM0_ASSIGN(const auto all, runs.ListSecrets(secret.user_id));
  if (!before && all.size() >= kMaxSecrets)
    return Fail(Code::kConflict, "There are 1000 secrets: remove one first");
  VM0_TRY(runs.PutSecret(secret));
  return !before;
}

}  // namespace

asio::awaitable<Result<Answer>> PutSecret(Call& call) {
  VM0_CO_ASSIGN(const store::StoredSecret secret, ParseSecret(call));
  const std::function<Result<bool>(store::Stores&)> work = [secret](store::Stores& stores) {
    return Put(stores.runs, secret);
  };
  const Result<bool> is_new = co_await call.context.parts.database.Write<bool>(work);
  if (!is_new) co_return Fail(is_new.error());
  ObjectWriter body;
  body.Text("name", secret.name).Time("updatedAt", secret.updated_at);
  co_return JsonResponse(*is_new ? 201 : 200, body.Take());
}

asio::awaitable<Result<Answer>> ListSecrets(Call& call) {
  VM0_CO_ASSIGN(const std::vector<store::StoredSecret> secrets,
                call.reader().runs.ListSecrets(call.principal.user_id));
  std::string list = "[";
  for (const store::StoredSecret& secret : secrets) {
    if (list.size() > 1) list += ',';
    ObjectWriter entry;
    entry.Text("name", secret.name).Time("updatedAt", secret.updated_at);
    list += entry.Take();
  }
  ObjectWriter body;
  body.Raw("secrets", list + "]");
  co_return JsonResponse(200, body.Take());
}

asio::awaitable<Result<Answer>> DeleteSecret(Call& call) {
  VM0_CO_ASSIGN(const std::string name, ParseName(call));
  const std::string user = call.principal.user_id;
  const std::function<Result<bool>(store::Stores&)> work = [user, name](store::Stores& stores) {
    return stores.runs.RemoveSecret(user, name);
  };
  const Result<bool> removed = co_await call.context.parts.database.Write<bool>(work);
  if (!removed) co_return Fail(removed.error());
  if (!*removed) co_return Fail(Code::kNotFound, "Secret not found: " + name);
  ObjectWriter body;
  body.Text("name", name).Bool("removed", true);
  co_return JsonResponse(200, body.Take());
}

}  // namespace vm0::api
