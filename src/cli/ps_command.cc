// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "cli/run_table.h"

namespace vm0::cli {
namespace {

// As many as the API gives at once.
constexpr std::size_t kMostRuns = 100;

struct PsOptions {
  bool all = false;
  bool json = false;
};

asio::awaitable<int> Print(Output& output, std::string text) {
  const Status written = co_await output.out.Write(std::move(text));
  co_return ExitOfPrinting(output, written);
}

asio::awaitable<int> List(Session& session, PsOptions options) {
  Output& output = session.output();
  const std::string limit = "limit=" + std::to_string(kMostRuns);
  const std::string query = options.all ? "?" + limit : "?status=pending,running&" + limit;
  const auto list = [query](client::UserClient& api) { return api.ListRuns(query); };
  auto answer = co_await session.connection().Call<std::string>(list);
  if (!answer) co_return ReportError(output, "Failed to list runs", answer.error());
  const auto object = ParseJsonObject(*answer, "answer");
  const json::array* runs = object ? ArrayMember(*object, "runs") : nullptr;
  if (!runs)
    co_return ReportError(output, "Failed to list runs",
                          {.code = Code::kUnreachable, .message = "The answer is no list of runs"});
  if (options.json) {
    auto line = output.out.DataLine(std::move(*answer)) + "\n";
    co_return co_await Print(output, std::move(line));
  }
  if (runs->empty()) output.SayDim(options.all ? "No runs yet" : "No live runs; -a lists all");
  if (runs->empty()) co_return kExitOk;
  if (runs->size() == kMostRuns)
    output.SayDim("These are the newest " + std::to_string(kMostRuns) + "; there may be more");
  auto table = FormatRuns(*runs, session.clock().WallNow());
  co_return co_await Print(output, std::move(table));
}

}  // namespace

int PsCommand(Context& context) {
  PsOptions options;
  ArgumentParser parser("ps", "List runs, newest first");
  parser.Flag("-a,--all", options.all, "Ended runs, too");
  parser.Flag("--json", options.json, "{\"runs\":[…]} as the API gives it");
  if (const auto exit_code = ParseArguments(parser, "ps", context)) return *exit_code;
  return Session::Run(context, [options](Session& session) { return List(session, options); });
}

}  // namespace vm0::cli
