// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "cli/run_table.h"
#include "cli/secret_value.h"

namespace vm0::cli {
namespace {

constexpr std::string_view kHelp =
    "Secrets that the server keeps for your runs, encrypted; their values are never shown:\n"
    "  vm0 secret set NAME          ask for the value, or take it from stdin\n"
    "  vm0 secret set NAME=VALUE    the same, but others see it in the list of processes\n"
    "  vm0 secret list              show the names\n"
    "  vm0 secret rm NAME           forget one\n"
    "A config takes them as ${{ secrets.NAME }} in agent.environment.\n";

asio::awaitable<int> Set(Session& session, std::string name, std::string value) {
  const auto put = [&name, &value](client::UserClient& api) { return api.PutSecret(name, value); };
  auto answer = co_await session.connection().Call<json::object>(put);
  if (!answer) co_return ReportError(session.output(), "Failed to set the secret", answer.error());
  session.output().SayDim("Set " + name);
  co_return kExitOk;
}

asio::awaitable<int> List(Session& session) {
  Output& output = session.output();
  const auto list = [](client::UserClient& api) { return api.ListSecrets(); };
  auto answer = co_await session.connection().Call<json::object>(list);
  if (!answer) co_return ReportError(output, "Failed to list secrets", answer.error());
  std::vector<std::vector<std::string>> rows = {{"NAME", "UPDATED"}};
  if (const json::array* secrets = ArrayMember(*answer, "secrets")) {
    for (const auto& secret : *secrets) {
      const json::object* object = secret.if_object();
      if (object == nullptr) continue;
      rows.push_back({std::string(StringMember(*object, "name").value_or("")),
                      std::string(StringMember(*object, "updatedAt").value_or(""))});
    }
  }
  auto table = FormatTable(rows);
  const Status written = co_await output.out.Write(std::move(table));
  co_return ExitOfPrinting(output, written);
}

asio::awaitable<int> Remove(Session& session, std::string name) {
  const auto remove = [&name](client::UserClient& api) { return api.RemoveSecret(name); };
  auto answer = co_await session.connection().Call<json::object>(remove);
  if (!answer)
    co_return ReportError(session.output(), "Failed to remove the secret", answer.error());
  session.output().SayDim("Removed " + name);
  co_return kExitOk;
}

int SetCommand(Context& context) {
  std::string secret;
  ArgumentParser parser("secret set", "Keep a secret on the server, encrypted");
  parser.Positional("NAME[=VALUE]", secret, Need::kRequired,
                    "Its name; without VALUE it is asked for, or taken from stdin");
  if (const auto exit_code = ParseArguments(parser, "secret", context)) return *exit_code;
  const auto equals = secret.find('=');
  std::string name = secret.substr(0, equals);
  if (name.empty()) return ReportUsage(context.output, "secret", "A secret needs a name");
  Result<std::string> value = equals == std::string::npos
                                  ? ReadSecretValue(name, context.output)
                                  : Result<std::string>(secret.substr(equals + 1));
  if (!value) return ReportUsage(context.output, "secret", value.error().message);
  return Session::Run(context, [&](Session& session) { return Set(session, name, *value); });
}

int ListCommand(Context& context) {
  ArgumentParser parser("secret list", "List the names of your secrets");
  if (const auto exit_code = ParseArguments(parser, "secret", context)) return *exit_code;
  return Session::Run(context, List);
}

int RemoveCommand(Context& context) {
  std::string name;
  ArgumentParser parser("secret rm", "Forget a secret; runs that have it keep it");
  parser.Positional("name", name, Need::kRequired, "The secret's name");
  if (const auto exit_code = ParseArguments(parser, "secret", context)) return *exit_code;
  return Session::Run(context, [name](Session& session) { return Remove(session, name); });
}

}  // namespace

int SecretCommand(Context& context) {
  std::string verb;
  if (!context.arguments.empty()) {
    verb = std::move(context.arguments.front());
    context.arguments.erase(context.arguments.begin());
  }
  if (verb == "set") return SetCommand(context);
  if (verb == "list") return ListCommand(context);
  if (verb == "rm") return RemoveCommand(context);
  if (verb.empty() || verb == "-h" || verb == "--help")
    return ExitOfPrinting(context.output, context.output.out.Print(kHelp));
  return ReportUsage(context.output, "secret", "There is no `vm0 secret " + verb + "`");
}

}  // namespace vm0::cli
