// SPDX-License-Identifier: Apache-2.0
#include "cli/agent_lookup.h"

#include <utility>

#include "base/id.h"
#include "cli/config_file.h"
#include "cli/exit.h"

namespace vm0::cli {
namespace {

using term::Style;
using Found = std::expected<FoundAgent, int>;

asio::awaitable<Found> BuiltIn(std::string name) {
  FoundAgent found;
  found.name = name;
  found.adapter = agent::FindAdapter(name);
  found.config.name = name;
  found.config.provider = name;
  co_return found;
}

// The answer of the config routes. A config that we can't read is one of a newer vm0.
FoundAgent FromAnswer(const json::object& answer) {
  FoundAgent found;
  found.config_id = StringMember(answer, "id").value_or("");
  found.name = StringMember(answer, "name").value_or("");
  const json::value* stored = Member(answer, "config");
  if (!stored) return found;
  auto config = agent::ParseConfigTemplate(*stored);
  if (!config) return found;
  found.references = *agent::FindReferences(*stored);
  found.config = std::move(*config);
  found.adapter = agent::FindAdapter(found.config.provider);
  return found;
}

asio::awaitable<Found> FindById(Session& session, std::string id) {
  session.output().SayPainted("  Using config ID: " + id, Style::kGray);
  const auto get = [id](client::UserClient& api) { return api.GetConfig(id); };
  auto answer = co_await session.connection().Call<json::object>(get);
  if (!answer) co_return std::unexpected(ReportAgentError(session.output(), id, answer.error()));
  co_return FromAnswer(*answer);
}

asio::awaitable<Found> FindByName(Session& session, std::string name) {
  session.output().SayPainted("  Resolving agent name: " + name, Style::kGray);
  const auto get = [name](client::UserClient& api) { return api.FindConfigByName(name); };
  auto answer = co_await session.connection().Call<json::object>(get);
  if (!answer) co_return std::unexpected(ReportAgentError(session.output(), name, answer.error()));
  FoundAgent found = FromAnswer(*answer);
  session.output().SayPainted("  Resolved to config ID: " + found.config_id, Style::kGray);
  co_return found;
}

asio::awaitable<Found> BuildFile(Session& session, std::string path) {
  auto file = LoadConfigFile(path, session.environment());
  if (!file) co_return std::unexpected(ReportConfigFileError(session.output(), file.error()));
  session.output().SayPainted("  Using config file: " + path, Style::kGray);
  const auto upsert = [&file](client::UserClient& api) { return api.UpsertConfig(file->json); };
  auto answer = co_await session.connection().Call<json::object>(upsert);
  if (!answer)
    co_return std::unexpected(
        ReportError(session.output(), "Failed to create config", answer.error()));
  FoundAgent found;
  found.config_id = StringMember(*answer, "configId").value_or("");
  found.name = file->config.name;
  found.config = std::move(file->config);
  found.references = *agent::FindReferences(file->json);
  found.adapter = agent::FindAdapter(found.config.provider);
  session.output().SayPainted("  Resolved to config ID: " + found.config_id, Style::kGray);
  co_return found;
}

}  // namespace

AgentKind KindOfAgent(std::string_view agent) {
  if (agent.find_first_of("./") != std::string_view::npos) return AgentKind::kFile;
  if (Uuid::Parse(agent)) return AgentKind::kConfigId;
  return agent::FindAdapter(agent) ? AgentKind::kBuiltIn : AgentKind::kConfigName;
}

asio::awaitable<Found> FindAgent(Session& session, std::string agent) {
  switch (KindOfAgent(agent)) {
    case AgentKind::kFile:
      return BuildFile(session, std::move(agent));
    case AgentKind::kConfigId:
      return FindById(session, std::move(agent));
    case AgentKind::kConfigName:
      return FindByName(session, std::move(agent));
    case AgentKind::kBuiltIn:
      break;
  }
  return BuiltIn(std::move(agent));
}

}  // namespace vm0::cli
