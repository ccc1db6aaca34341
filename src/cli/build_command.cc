// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

using term::Style;

std::string SuccessText(const Stream& out, const json::object& answer) {
  const std::string name = term::SanitizeLine(StringMember(answer, "name").value_or(""));
  const std::string action = term::SanitizeLine(StringMember(answer, "action").value_or(""));
  const std::string id = term::SanitizeLine(StringMember(answer, "configId").value_or(""));
  return out.Paint("✓ Config " + action + ": " + name, Style::kGreen) + "\n" +
         out.Paint("  Config ID: " + id, Style::kGray) + "\n\n  Run your agent:\n" +
         out.Paint("    vm0 run " + name + " \"your prompt\"", Style::kCyan) + "\n";
}

asio::awaitable<int> Upload(Session& session, json::value config) {
  Output& output = session.output();
  (void)output.out.Print(output.out.Paint("Uploading configuration...", Style::kBlue) + "\n");
  const auto upsert = [&config](client::UserClient& api) { return api.UpsertConfig(config); };
  auto answer = co_await session.connection().Call<json::object>(upsert);
  if (!answer) co_return ReportError(output, "Failed to create config", answer.error());
  const Status printed = output.out.Print(SuccessText(output.out, *answer));
  co_return ExitOfPrinting(output, printed);
}

}  // namespace

int BuildCommand(Context& context) {
  std::string path;
  ArgumentParser parser("build", "Store an agent's config on the server");
  parser.Positional("file", path, Need::kRequired, "The agent's YAML file, often vm0.yaml");
  if (const auto exit_code = ParseArguments(parser, "build", context)) return *exit_code;
  auto file = LoadConfigFile(path, context.environment);
  if (!file) return ReportConfigFileError(context.output, file.error());
  return Session::Run(context,
                      [&file](Session& session) { return Upload(session, std::move(file->json)); });
}

}  // namespace vm0::cli
