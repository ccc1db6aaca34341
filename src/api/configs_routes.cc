// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/adapter.h"
#include "agent/templates.h"
#include "api/inputs.h"
#include "api/object_writer.h"
#include "api/respond.h"
#include "api/routes.h"
#include "base/json_scan.h"

namespace vm0::api {
namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;

// The config as it was sent: the bytes of the body's last member "config".
std::string RawConfig(std::string_view body) {
  std::string raw;
  JsonObjectScanner scan(body);
  while (const auto member = scan.Next()) {
    if (member->HasKey("config")) raw = member->value;
  }
  return raw;
}

Result<store::AgentConfig> ParseUpsert(const Call& call) {
  VM0_ASSIGN(const json::object body, ParseBody(call.request()));
  const json::value* config = Member(body, "config");
  if (config == nullptr || config->is_null()) return Fail(Code::kBadRequest, "Missing config");
  store::AgentConfig row;
  row.config = RawConfig(call.request().body);
  if (row.config.size() > kMaxConfigBytes)
    return Fail(Code::kPayloadTooLarge, "config must be at most 1 MiB");
  VM0_ASSIGN(const agent::Config parsed, agent::ParseConfigTemplate(*config));
  if (agent::FindAdapter(parsed.name) != nullptr)
    return Fail(Code::kBadRequest, "\"" + parsed.name +
                                       "\" is the name of a built-in agent: give this one another "
                                       "name");
  row.name = parsed.name;
  row.user_id = call.principal.user_id;
  row.created_at = row.updated_at = call.context.parts.clock.WallNow();
  row.id = ConfigId::New(row.created_at);
  return row;
}

http::Response ConfigResponse(const store::AgentConfig& config) {
  ObjectWriter body;
  body.Text("id", config.id.ToString()).Text("name", config.name).Raw("config", config.config);
  body.Time("createdAt", config.created_at).Time("updatedAt", config.updated_at);
  return JsonResponse(200, body.Take());
}

}  // namespace

asio::awaitable<Result<Answer>> PostConfig(Call& call) {
  VM0_CO_ASSIGN(const store::AgentConfig row, ParseUpsert(call));
  using Upserted = store::RunStore::Upserted;
  const std::function<Result<Upserted>(store::Stores&)> work = [row](store::Stores& stores) {
    return stores.runs.UpsertConfig(row);
  };
  const Result<Upserted> done = co_await call.context.parts.database.Write<Upserted>(work);
  if (!done) co_return Fail(done.error());
  ObjectWriter body;
  body.Text("configId", done->config.id.ToString()).Text("name", done->config.name);
  if (done->created) {
    body.Text("action", "created").Time("createdAt", done->config.created_at);
  } else {
    body.Text("action", "updated").Time("updatedAt", done->config.updated_at);
  }
  co_return JsonResponse(done->created ? 201 : 200, body.Take());
}

asio::awaitable<Result<Answer>> FindConfig(Call& call) {
  const std::string name = call.target.Query("name").value_or("");
  if (name.empty()) co_return Fail(Code::kBadRequest, "Missing name query parameter");
  VM0_CO_ASSIGN(const std::optional<store::AgentConfig> config,
                call.reader().runs.FindConfigByName(call.principal.user_id, name));
  if (!config) co_return Fail(Code::kNotFound, "Agent config not found: " + Shown(name));
  co_return ConfigResponse(*config);
}

asio::awaitable<Result<Answer>> GetConfig(Call& call) {
  const std::optional<ConfigId> id = ConfigId::Parse(call.id);
  if (!id) co_return Fail(Code::kBadRequest, "Invalid config id: " + Shown(call.id));
  VM0_CO_ASSIGN(const std::optional<store::AgentConfig> config,
                call.reader().runs.FindConfig(call.principal.user_id, *id));
  if (!config) co_return Fail(Code::kNotFound, "Agent config not found");
  co_return ConfigResponse(*config);
}

}  // namespace vm0::api
