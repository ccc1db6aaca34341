// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "cli/run_table.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

constexpr std::string_view kTokenHelp =
    "Tokens let programs and other machines use this server:\n"
    "  vm0 auth token create --name NAME   print a new token, once\n"
    "  vm0 auth token list                 show whose tokens there are\n"
    "  vm0 auth token revoke ID            make one void at once\n"
    "A client sets VM0_API_URL and VM0_TOKEN to use it.\n";

std::string TextOf(const json::object& object, std::string_view name) {
  return std::string(StringMember(object, name).value_or(""));
}

asio::awaitable<int> Create(Session& session, json::object request) {
  Output& output = session.output();
  auto answer = co_await session.connection().api().CreateToken(std::move(request));
  if (!answer) co_return ReportError(output, "Failed to create the token", answer.error());
  output.SayDim("Keep it well: it is shown only once (id " + TextOf(*answer, "id") + ")");
  const Status printed = output.out.Print(term::SanitizeLine(TextOf(*answer, "token")) + "\n");
  co_return ExitOfPrinting(output, printed);
}

asio::awaitable<int> List(Session& session) {
  Output& output = session.output();
  const auto list = [](client::UserClient& api) { return api.ListTokens(); };
  auto answer = co_await session.connection().Call<json::object>(list);
  if (!answer) co_return ReportError(output, "Failed to list tokens", answer.error());
  std::vector<std::vector<std::string>> rows = {{"ID", "NAME", "USER", "KIND", "EXPIRES"}};
  if (const json::array* tokens = ArrayMember(*answer, "tokens")) {
    for (const auto& token : *tokens) {
      if (!token.is_object()) continue;
      const json::object& object = token.get_object();
      rows.push_back({TextOf(object, "id"), TextOf(object, "name"), TextOf(object, "user"),
                      TextOf(object, "kind"),
                      std::string(StringMember(object, "expiresAt").value_or("never"))});
    }
  }
  auto table = FormatTable(rows);
  const Status written = co_await output.out.Write(std::move(table));
  co_return ExitOfPrinting(output, written);
}

asio::awaitable<int> Revoke(Session& session, std::string id) {
  const auto remove = [id](client::UserClient& api) { return api.RemoveToken(id); };
  auto answer = co_await session.connection().Call<json::object>(remove);
  if (!answer)
    co_return ReportError(session.output(), "Failed to revoke the token", answer.error());
  session.output().SayDim("Revoked");
  co_return kExitOk;
}

int CreateCommand(Context& context) {
  std::optional<std::string> name, user, expires_in;
  bool host = false;
  ArgumentParser parser("auth token create", "Make a token and print it");
  parser.Text("--name", name, "NAME", "What it is for (default: cli)");
  parser.Text("--user", user, "USER", "Whose it is (default: yours)");
  parser.Text("--expires", expires_in, "DURATION", "90d, 12h (default: never)");
  parser.Flag("--host", host, "May also use what reaches this machine: -w, binary, network full");
  if (const auto exit_code = ParseArguments(parser, "auth", context)) return *exit_code;
  json::object request{{"name", name.value_or("cli")}};
  if (user) request["user"] = *user;
  if (host) request["hostScope"] = true;
  if (expires_in) {
    const auto duration = ParseDuration(*expires_in);
    if (!duration)
      return ReportUsage(context.output, "auth", "--expires: " + duration.error().message);
    request["expiresIn"] = duration->count();
  }
  return Session::Run(context,
                      [&request](Session& session) { return Create(session, std::move(request)); });
}

int ListCommand(Context& context) {
  ArgumentParser parser("auth token list", "List tokens, without their values");
  if (const auto exit_code = ParseArguments(parser, "auth", context)) return *exit_code;
  return Session::Run(context, List);
}

int RevokeCommand(Context& context) {
  std::string id;
  ArgumentParser parser("auth token revoke", "Make a token void at once");
  parser.Positional("id", id, Need::kRequired, "The token's id, as `vm0 auth token list` shows it");
  if (const auto exit_code = ParseArguments(parser, "auth", context)) return *exit_code;
  return Session::Run(context, [id](Session& session) { return Revoke(session, id); });
}

// The first argument; "" when there is none.
std::string TakeArgument(Context& context) {
  if (context.arguments.empty()) return "";
  std::string first = std::move(context.arguments.front());
  context.arguments.erase(context.arguments.begin());
  return first;
}

int PrintHelp(Output& output) { return ExitOfPrinting(output, output.out.Print(kTokenHelp)); }

bool IsHelp(std::string_view argument) { return argument == "-h" || argument == "--help"; }

int TokenCommand(Context& context) {
  const std::string verb = TakeArgument(context);
  if (verb == "create") return CreateCommand(context);
  if (verb == "list") return ListCommand(context);
  if (verb == "revoke") return RevokeCommand(context);
  if (verb.empty() || IsHelp(verb)) return PrintHelp(context.output);
  return ReportUsage(context.output, "auth", "There is no `vm0 auth token " + verb + "`");
}

}  // namespace

int AuthCommand(Context& context) {
  const std::string verb = TakeArgument(context);
  if (verb == "token") return TokenCommand(context);
  if (IsHelp(verb)) return PrintHelp(context.output);
  if (verb == "login" || verb == "logout" || verb == "status")
    return ReportUsage(context.output, "auth",
                       "vm0 auth " + verb +
                           " is not in this version: set VM0_TOKEN to a token of `vm0 auth token "
                           "create`");
  return ReportUsage(
      context.output, "auth",
      verb.empty() ? "vm0 auth needs a subcommand: token" : "There is no `vm0 auth " + verb + "`");
}

}  // namespace vm0::cli
