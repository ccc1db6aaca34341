// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>
#include <limits>
#include <utility>

#include "cli/commands.h"
#include "cli/event_stream.h"
#include "cli/exit.h"
#include "cli/interrupts.h"
#include "cli/parse_arguments.h"
#include "cli/run_output.h"

namespace vm0::cli {
namespace {

struct LogsOptions {
  std::string run_id;
  bool follow = false;
  std::int64_t since = 0;
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  Selection selection = Selection::kAll;
  ShowOptions show;
  FetchOptions fetch;
};

asio::awaitable<void> LeaveOnCtrlC(Session& session) {
  Interrupts interrupts(session.loop(), {SIGINT});
  co_await interrupts.Next();
  session.Leave(kExitCancelled);
}

// Events that are shown count, so that --limit with --system gives as many as it says.
void CutPage(client::EventPage& page, Selection selection, std::int64_t left) {
  std::size_t keep = 0;
  for (; keep < page.events.size() && left > 0; ++keep) {
    if (IsSelected(selection, page.events[keep])) --left;
  }
  page.events.resize(keep);
}

int ReportPruned(Output& output, const LogsOptions& options, const Error& error) {
  const std::string since = std::to_string(error.number.value_or(1) - 1);
  output.SayFailure("Pruned: " + options.run_id,
                    error.message + ". What is known of the run: vm0 show " + options.run_id +
                        ". To go on behind them: --since " + since);
  return ExitOf(error.code);
}

int ReportFailure(Output& output, const LogsOptions& options, const Error& error) {
  if (error.code == Code::kEventsPruned) return ReportPruned(output, options, error);
  if (error.code != Code::kCursorAhead)
    return ReportRunError(output, options.run_id, "Failed to fetch logs", error);
  output.SayFailure("--since " + std::to_string(options.since) + " is beyond the end",
                    "The run's last event is " + std::to_string(error.number.value_or(0)));
  return ExitOf(error.code);
}

asio::awaitable<int> Show(Session& session, LogsOptions options) {
  Output& output = session.output();
  EventStream stream(session, options.run_id, options.since, options.fetch);
  RunOutput shown(output, options.show, Text::kWhole, options.selection);
  for (bool is_end = false; !is_end;) {
    const auto left = options.limit - shown.shown();
    auto next = options.follow ? stream.Follow() : stream.Read(left);
    auto page = co_await std::move(next);
    if (!page) co_return ReportFailure(output, options, page.error());
    is_end = !page->has_more && (page->run.is_terminal() || !options.follow);
    CutPage(*page, options.selection, left);
    Status written = co_await shown.Show(*page);
    is_end = is_end || shown.shown() >= options.limit;
    if (written && is_end) written = co_await shown.Finish();
    if (!written) co_return ExitOfPrinting(output, written);
  }
  if (shown.shown() == 0 && options.show.format == Format::kText)
    output.SayPainted("No events found for this run.", term::Style::kYellow);
  co_return kExitOk;
}

struct LogsArguments {
  std::string run_id;
  bool follow = false;
  std::optional<std::int64_t> since;
  std::optional<std::int64_t> limit;
  bool system = false;
  bool network = false;
  ShowArguments show;
  FetchArguments fetch;

  void Declare(ArgumentParser& parser) {
    parser.Positional("run", run_id, Need::kRequired, "The run's id");
    parser.Flag("-f,--follow", follow, "Go on until the run ends");
    parser.Number("--since", since, 0, "N", "Only events after number N");
    parser.Number("--limit", limit, 1, "N", "At most N events");
    parser.Flag("--system", system, "Only stderr and what vm0 itself says");
    parser.Flag("--network", network, "Only what the agent did on the network, refused or not");
    parser.Exclusive({"--system", "--network"});
    parser.Flag("--full", show.full, "Cut nothing");
    parser.Flag("--json", show.json, "One event a line, as the API gives it");
    parser.Flag("--raw", show.raw, "The agent's stdout, byte for byte");
    parser.Exclusive({"--full", "--json", "--raw"});
    parser.Flag("-v,--verbose", show.verbose, "Show the time between events");
    fetch.Declare(parser);
  }
  Selection Selected() const {
    if (system) return Selection::kSystem;
    return network ? Selection::kNetwork : Selection::kAll;
  }
};

}  // namespace

int LogsCommand(Context& context) {
  LogsArguments arguments;
  ArgumentParser parser("logs", "Show the events of a run");
  arguments.Declare(parser);
  if (const auto exit_code = ParseArguments(parser, "logs", context)) return *exit_code;
  auto fetch = arguments.fetch.Read(context.environment);
  if (!fetch) return ReportUsage(context.output, "logs", fetch.error().message);
  fetch->verbose = arguments.show.verbose;
  LogsOptions options{.run_id = arguments.run_id,
                      .follow = arguments.follow,
                      .since = arguments.since.value_or(0),
                      .selection = arguments.Selected(),
                      .show = arguments.show.Read(),
                      .fetch = *fetch};
  if (arguments.limit) options.limit = *arguments.limit;
  return Session::Run(context, [&options](Session& session) {
    asio::co_spawn(session.loop(), LeaveOnCtrlC(session), asio::detached);
    return Show(session, std::move(options));
  });
}

}  // namespace vm0::cli
