// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>
#include <utility>

#include "base/id.h"
#include "cli/agent_lookup.h"
#include "cli/commands.h"
#include "cli/event_stream.h"
#include "cli/exit.h"
#include "cli/interrupts.h"
#include "cli/parse_arguments.h"
#include "cli/run_output.h"
#include "cli/run_request.h"
#include "cli/run_table.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

using term::Style;

constexpr Seconds kMoment{1};
constexpr Seconds kLongestMoment{8};

// What a run that has not started waits for; empty when that is not known.
std::string DescribeWait(const json::object& run) {
  const auto place = IntField(run, "queuePosition");
  if (place && *place) return "Waiting in the queue: " + FormatOrdinal(**place) + " in line";
  const json::object* activity = ObjectMember(run, "activity");
  const auto preparing = activity ? StringMember(*activity, "preparing") : std::nullopt;
  return preparing ? "Waiting: " + term::SanitizeLine(*preparing) : "";
}

// One `vm0 run`, from the look-up of the agent to the exit code. Two coroutines on one loop: Main
// follows the run, Watch obeys signals.
class RunSession {
 public:
  RunSession(Session& session, RunOptions options)
      : session_(session),
        output_(session.output()),
        options_(std::move(options)),
        interrupts_(session.loop(), {SIGINT, SIGTERM, SIGHUP}) {}

  asio::awaitable<int> Main();

 private:
  asio::awaitable<void> Watch();
  void SayPreamble(const RunRequest& request);
  asio::awaitable<Status> Create(RunRequest request);
  asio::awaitable<int> Follow();
  asio::awaitable<void> Cancel();
  // Says what the run waits for, and each change of it, until there is something to show.
  asio::awaitable<void> SayWaiting();
  int ReportEnd(const client::RunState& run);
  void SayWorkspace();
  // Leaves a run that goes on.
  void LeaveRunning(int exit_code);

  Session& session_;
  Output& output_;
  RunOptions options_;
  Interrupts interrupts_;
  std::string run_id_;  // empty before the run was created
  bool creating_ = false;
  bool interrupted_ = false;
  bool is_under_way_ = false;  // an event or its end has shown that it does not wait any more
};

asio::awaitable<int> RunSession::Main() {
  asio::co_spawn(session_.loop(), Watch(), asio::detached);
  auto agent = co_await FindAgent(session_, options_.agent);
  if (!agent) co_return agent.error();
  const Distance distance = session_.connection().address().same_machine() ? Distance::kSameMachine
                                                                           : Distance::kElsewhere;
  auto request = MakeRunRequest(options_, *agent, session_.environment(), distance);
  if (!request) co_return ReportWithHeadline(output_, request.error());
  SayPreamble(*request);
  const Status created = co_await Create(std::move(*request));
  if (!created) co_return ReportError(output_, "Run failed", created.error());
  if (options_.detach) {
    const Status printed = output_.out.Print(run_id_ + "\n");
    co_return ExitOfPrinting(output_, printed);
  }
  output_.SayDim("Run " + run_id_);
  if (interrupted_) asio::co_spawn(session_.loop(), Cancel(), asio::detached);
  co_return co_await Follow();
}

void RunSession::SayPreamble(const RunRequest& request) {
  output_.Say("");
  output_.SayPainted("Creating agent run...", Style::kBlue);
  output_.SayPainted("  Prompt: " + options_.prompt, Style::kGray);
  if (!request.variables.empty())
    output_.SayPainted("  Variables: " + request.variables, Style::kGray);
  for (const auto& notice : request.notices) output_.SayDim(notice);
  output_.Say("");
  output_.SayPainted("Executing in sandbox...", Style::kBlue);
  output_.Say("");
}

asio::awaitable<Status> RunSession::Create(RunRequest request) {
  const std::string key = Uuid::NewV7(session_.clock().WallNow()).ToString();
  const auto create = [&request, &key](client::UserClient& api) {
    return api.CreateRun(request.body, key);
  };
  creating_ = true;
  auto answer = co_await session_.connection().Call<json::object>(create);
  creating_ = false;
  if (!answer) co_return Fail(std::move(answer).error());
  run_id_ = StringMember(*answer, "runId").value_or("");
  if (run_id_.empty()) co_return Fail(Code::kUnreachable, "The server's answer has no runId");
  co_return Status{};
}

asio::awaitable<int> RunSession::Follow() {
  EventStream stream(session_, run_id_, 0, options_.fetch);
  RunOutput shown(output_, options_.show, options_.partial ? Text::kPieces : Text::kWhole,
                  Selection::kAll);
  asio::co_spawn(session_.loop(), SayWaiting(), asio::detached);
  for (;;) {
    auto page = co_await stream.Follow();
    is_under_way_ = !page || !page->events.empty() || page->run.is_terminal();
    if (!page) co_return ReportRunError(output_, run_id_, "Run failed", page.error());
    Status written = co_await shown.Show(*page);
    const bool is_end = !page->has_more && page->run.is_terminal();
    if (written && is_end) written = co_await shown.Finish();
    if (!written) co_return ExitOfPrinting(output_, written);
    if (is_end) co_return ReportEnd(page->run);
  }
}

asio::awaitable<void> RunSession::SayWaiting() {
  const std::string id = run_id_;
  const auto get = [id](client::UserClient& api) { return api.GetRun(id); };
  std::string said;
  for (Micros pause = kMoment;; pause = std::min<Micros>(2 * pause, kLongestMoment)) {
    co_await os::Sleep(session_.clock(), pause);
    if (is_under_way_) co_return;
    const auto run = co_await session_.connection().Call<json::object>(get);
    if (is_under_way_) co_return;
    const std::string waits_for = run ? DescribeWait(*run) : said;
    if (waits_for != said && !waits_for.empty()) output_.SayDim(waits_for);
    said = waits_for;
  }
}

int RunSession::ReportEnd(const client::RunState& run) {
  const std::string reason = run.error.value_or("");
  if (run.status == "failed") output_.SayFailure("Run failed", reason);
  if (run.status == "timeout") output_.SayFailure("Run timed out", reason);
  if (run.status == "cancelled") output_.SayFailure("Run cancelled", reason);
  SayWorkspace();
  return ExitOfRun(run);
}

void RunSession::SayWorkspace() {
  const auto data_dir = session_.connection().data_dir();
  if (data_dir.empty() || options_.workspace.mode == agent::Workspace::Mode::kReadWrite) return;
  const auto workspace = data_dir / "runs" / run_id_ / "workspace";
  std::error_code ignored;
  if (std::filesystem::is_directory(workspace, ignored))
    output_.SayDim("Workspace: " + workspace.string());
}

// The first Ctrl-C cancels, the second one leaves; to be told to go away is no reason to end the
// run.
asio::awaitable<void> RunSession::Watch() {
  for (;;) {
    const int signal = co_await interrupts_.Next();
    if (signal != SIGINT || interrupted_) {
      LeaveRunning(signal == SIGINT ? kExitCancelled : 128 + signal);
      co_return;
    }
    interrupted_ = true;
    if (run_id_.empty() && !creating_) {
      session_.Leave(kExitCancelled);
      co_return;
    }
    output_.SayDim("Cancelling; Ctrl-C again leaves at once");
    if (!run_id_.empty()) asio::co_spawn(session_.loop(), Cancel(), asio::detached);
  }
}

asio::awaitable<void> RunSession::Cancel() {
  const std::string id = run_id_;
  const auto cancel = [id](client::UserClient& api) { return api.CancelRun(id); };
  Micros pause = Millis(100);
  for (;;) {
    auto answer = co_await session_.connection().Call<json::object>(cancel);
    if (answer) co_return;
    if (InfoOf(answer.error().code).exit_code != ExitCode::kServer) {
      output_.SayFailure("Can't cancel the run", answer.error().message);
      co_return;
    }
    co_await os::Sleep(session_.clock(), pause);
    pause = std::min<Micros>(pause * 2, Seconds(2));
  }
}

void RunSession::LeaveRunning(int exit_code) {
  if (!run_id_.empty())
    output_.SayDim("Leaving. See how the run goes on: vm0 logs -f " + run_id_);
  else if (creating_)
    output_.SayDim("Leaving. The run may have been created: see vm0 ps");
  session_.Leave(exit_code);
}

asio::awaitable<int> Main(Session& session, RunOptions options) {
  RunSession run(session, std::move(options));
  co_return co_await run.Main();
}

}  // namespace

int RunCommand(Context& context) {
  RunArguments arguments;
  ArgumentParser parser("run", "Run an agent and show what it does");
  arguments.Declare(parser);
  if (const auto exit_code = ParseArguments(parser, "run", context)) return *exit_code;
  auto options = arguments.Read(context.environment);
  if (!options) return ReportUsage(context.output, "run", options.error().message);
  context.output.quiet = options->show.format == Format::kNone;
  return Session::Run(context,
                      [&options](Session& session) { return Main(session, std::move(*options)); });
}

}  // namespace vm0::cli
