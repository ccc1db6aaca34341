// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

// Prints the run's true status: a run that lives still is "running" until its agent has ended.
asio::awaitable<int> Cancel(Session& session, std::string run_id) {
  Output& output = session.output();
  const auto cancel = [run_id](client::UserClient& api) { return api.CancelRun(run_id); };
  auto answer = co_await session.connection().Call<json::object>(cancel);
  if (!answer) co_return ReportRunError(output, run_id, "Failed to cancel the run", answer.error());
  const std::string status(StringMember(*answer, "status").value_or("unknown"));
  if (status == "running") output.SayDim("Cancel requested: the agent is told to stop");
  const Status printed = output.out.Print(term::SanitizeLine(status) + "\n");
  co_return ExitOfPrinting(output, printed);
}

}  // namespace

int CancelCommand(Context& context) {
  std::string run_id;
  ArgumentParser parser("cancel", "Ask a run to stop; prints its status");
  parser.Positional("run", run_id, Need::kRequired, "The run's id");
  if (const auto exit_code = ParseArguments(parser, "cancel", context)) return *exit_code;
  return Session::Run(context, [run_id](Session& session) { return Cancel(session, run_id); });
}

}  // namespace vm0::cli
