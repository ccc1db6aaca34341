// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/field_list.h"
#include "cli/parse_arguments.h"
#include "cli/run_table.h"

namespace vm0::cli {
namespace {

struct ShowArgumentsOfRun {
  std::string run_id;
  bool json = false;
};

asio::awaitable<int> Show(Session& session, ShowArgumentsOfRun arguments) {
  Output& output = session.output();
  const std::string id = arguments.run_id;
  const auto get = [id](client::UserClient& api) { return api.GetRun(id); };
  auto run = co_await session.connection().Call<json::object>(get);
  if (!run) co_return ReportRunError(output, id, "Failed to fetch the run", run.error());
  if (arguments.json) {
    std::string line = output.out.DataLine(ToJson(json::value(std::move(*run)))) + "\n";
    const Status written = co_await output.out.Write(std::move(line));
    co_return ExitOfPrinting(output, written);
  }
  if (const json::object* activity = ObjectMember(*run, "activity"))
    run->at("activity") = FormatActivity(*activity, session.clock().WallNow());
  if (const json::object* pruned = ObjectMember(*run, "pruned"))
    run->at("pruned") = FormatPruned(*pruned, session.clock().WallNow());
  std::string text = FormatFields(*run);
  const Status written = co_await output.out.Write(std::move(text));
  co_return ExitOfPrinting(output, written);
}

}  // namespace

int ShowCommand(Context& context) {
  ShowArgumentsOfRun arguments;
  ArgumentParser parser("show", "Show all there is to know about a run");
  parser.Positional("run", arguments.run_id, Need::kRequired, "The run's id");
  parser.Flag("--json", arguments.json, "As the API gives it");
  if (const auto exit_code = ParseArguments(parser, "show", context)) return *exit_code;
  return Session::Run(
      context, [&arguments](Session& session) { return Show(session, std::move(arguments)); });
}

}  // namespace vm0::cli
