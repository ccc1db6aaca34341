// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>
#include <deque>
#include <utility>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/interrupts.h"
#include "cli/parse_arguments.h"
#include "cli/screen.h"
#include "cli/top_frame.h"

namespace vm0::cli {
namespace {

// Rates and lags are of so long, or of one interval if that is longer.
constexpr Seconds kWindow{10};
// As many as the API gives at once.
constexpr const char* kLiveRuns = "?status=pending,running&limit=100";

struct TopOptions {
  std::optional<std::int64_t> interval;
  bool once = false;
};

// What a server said at one moment.
struct Sight {
  client::MetricsText metrics;
  json::array runs;
  MonoTime at{};
};

class Top {
 public:
  Top(Session& session, std::optional<Screen>& screen, Seconds interval)
      : session_(session), screen_(screen), interval_(interval) {}

  asio::awaitable<int> PrintOnce();
  // Until somebody ends it.
  asio::awaitable<int> Follow();

 private:
  asio::awaitable<Result<Sight>> Look();
  void Take(Sight sight);
  std::vector<std::string> Frame(std::optional<TopSize> size, std::string problem) const;
  static asio::awaitable<void> LeaveOnKey(Session& session);
  static asio::awaitable<void> LeaveOnSignal(Session& session);

  Session& session_;
  std::optional<Screen>& screen_;
  const Seconds interval_;
  std::deque<Sight> sights_;  // the newest last
};

asio::awaitable<Result<Sight>> Top::Look() {
  Connection& connection = session_.connection();
  const auto read = [](client::UserClient& api) { return api.GetMetrics(); };
  const Result<std::string> text = co_await connection.Call<std::string>(read);
  if (!text) co_return Fail(text.error());
  Sight sight;
  VM0_CO_ASSIGN(sight.metrics, client::MetricsText::Parse(*text));
  sight.at = session_.clock().Now();
  const auto list = [](client::UserClient& api) { return api.ListRuns(kLiveRuns); };
  const Result<std::string> answer = co_await connection.Call<std::string>(list);
  if (!answer) co_return Fail(answer.error());
  const auto object = ParseJsonObject(*answer, "answer");
  const json::array* runs = object ? ArrayMember(*object, "runs") : nullptr;
  if (!runs) co_return Fail(Code::kUnreachable, "The answer is no list of runs");
  sight.runs = *runs;
  co_return sight;
}

void Top::Take(Sight sight) {
  const auto start = [](const Sight& of) { return of.metrics.Sum("process_start_time_seconds"); };
  // Another server counts anew.
  if (!sights_.empty() && start(sights_.back()) != start(sight)) sights_.clear();
  sights_.push_back(std::move(sight));
  const MonoTime oldest = sights_.back().at - kWindow;
  while (sights_.size() > 2 && sights_[0].at < oldest) sights_.pop_front();
}

std::vector<std::string> Top::Frame(std::optional<TopSize> size, std::string problem) const {
  const Sight& first = sights_.front();
  const Sight& last = sights_.back();
  const TopView view{.server = session_.connection().address().url,
                     .now = last.metrics,
                     .before = sights_.size() > 1 ? &first.metrics : nullptr,
                     .span = last.at - first.at,
                     .runs = last.runs,
                     .time = session_.clock().WallNow(),
                     .problem = std::move(problem)};
  return FormatTop(view, size, session_.output().out.colour());
}

asio::awaitable<int> Top::PrintOnce() {
  Output& output = session_.output();
  auto sight = co_await Look();
  if (!sight) co_return ReportError(output, "Failed to read the metrics", sight.error());
  Take(std::move(*sight));
  std::string text;
  for (const std::string& line : Frame(std::nullopt, "")) text += line + "\n";
  const Status written = co_await output.out.Write(std::move(text));
  co_return ExitOfPrinting(output, written);
}

asio::awaitable<void> Top::LeaveOnKey(Session& session) {
  co_await Screen::AwaitQuit();
  session.Leave(kExitOk);
}

asio::awaitable<void> Top::LeaveOnSignal(Session& session) {
  Interrupts interrupts(session.loop(), {SIGINT, SIGTERM, SIGHUP});
  const int signal = co_await interrupts.Next();
  session.Leave(128 + signal);
}

asio::awaitable<int> Top::Follow() {
  auto first = co_await Look();
  if (!first) co_return ReportError(session_.output(), "Failed to read the metrics", first.error());
  Take(std::move(*first));
  session_.output().quiet = true;  // what is said would be said on the screen
  screen_.emplace(session_.output().out);
  asio::co_spawn(session_.loop(), LeaveOnKey(session_), asio::detached);
  asio::co_spawn(session_.loop(), LeaveOnSignal(session_), asio::detached);
  std::string problem;
  for (;;) {
    auto lines = Frame(screen_->size(), problem);
    const Status shown = co_await screen_->Show(std::move(lines));
    if (!shown) co_return kExitOk;  // the terminal is gone
    co_await os::Sleep(session_.clock(), interval_);
    auto sight = co_await Look();
    problem = sight ? "" : sight.error().message;
    if (sight) Take(std::move(*sight));
  }
}

}  // namespace

int TopCommand(Context& context) {
  TopOptions options;
  ArgumentParser parser("top", "Show what the server does, live; q or Ctrl-C ends it");
  parser.Number("--interval", options.interval, 1, "SECONDS", "How often to look (default 1)");
  parser.Flag("--once", options.once, "Print it once, of all the time since the server's start");
  if (const auto exit_code = ParseArguments(parser, "top", context)) return *exit_code;
  const bool once = options.once || !context.output.out.is_terminal();
  // Both outlive the session's coroutines.
  std::optional<Screen> screen;
  std::optional<Top> top;
  return Session::Run(context, [&](Session& session) {
    top.emplace(session, screen, Seconds(options.interval.value_or(1)));
    return once ? top->PrintOnce() : top->Follow();
  });
}

}  // namespace vm0::cli
