// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"
#include "cli/verdict_text.h"

namespace vm0::cli {
namespace {

using client::ProofCheck;
using client::RecordsPage;
using client::RunProof;

struct VerifyOptions {
  std::string run_id;
  bool all = false;
  bool verbose = false;
  bool json = false;
};

// Fetches and checks a run's records, page by page. What the server can't read is the run's fault,
// not that of the command.
asio::awaitable<Result<Verified>> Check(Session& session, RunProof proof) {
  ProofCheck check(std::move(proof));
  while (const auto since = check.next_since()) {
    const std::string id = check.proof().id;
    const auto get = [id, since](client::UserClient& api) { return api.GetRecords(id, *since); };
    auto page = co_await session.connection().Call<RecordsPage>(get);
    if (!page && page.error().code == Code::kEventsPruned) {
      // Since the proof was read. Each time it has come further.
      const auto ask = [id](client::UserClient& api) { return api.GetProof(id); };
      auto again = co_await session.connection().Call<RunProof>(ask);
      if (!again) co_return Fail(std::move(again).error());
      check = ProofCheck(std::move(*again));
      continue;
    }
    if (!page && page.error().code == Code::kIo) {
      auto verdict = check.Judge();
      verdict.fault = {.what = "its events can't be read: " + page.error().message,
                       .sequence = *since + 1};
      co_return Verified{check.proof(), std::move(verdict)};
    }
    if (!page) co_return Fail(std::move(page).error());
    check.Take(*page);
  }
  co_return Verified{check.proof(), check.Judge()};
}

std::string Format(const Output& output, const VerifyOptions& options, const Verified& verified) {
  return options.json ? FormatVerdictJson(verified) : FormatVerdict(output.out, verified);
}

asio::awaitable<int> VerifyOne(Session& session, VerifyOptions options) {
  Output& output = session.output();
  const std::string id = options.run_id;
  const auto get = [id](client::UserClient& api) { return api.GetProof(id); };
  auto proof = co_await session.connection().Call<RunProof>(get);
  if (!proof) co_return ReportRunError(output, id, "Failed to fetch the run", proof.error());
  auto check = Check(session, std::move(*proof));
  const auto verified = co_await std::move(check);
  if (!verified) co_return ReportRunError(output, id, "Failed to fetch records", verified.error());
  auto line = Format(output, options, *verified);
  const Status printed = co_await output.out.Write(std::move(line));
  if (!printed) co_return ExitOfPrinting(output, printed);
  co_return ExitOfVerdict(verified->verdict);
}

// All runs, newest first, a hundred at a time. Runs that are created meanwhile are not looked at.
asio::awaitable<int> VerifyAll(Session& session, VerifyOptions options) {
  Output& output = session.output();
  Tally tally;
  std::string before;
  for (;;) {
    const auto list = [before](client::UserClient& api) { return api.ListProofs(before); };
    auto proofs = co_await session.connection().Call<std::vector<RunProof>>(list);
    if (!proofs) co_return ReportError(output, "Failed to list runs", proofs.error());
    if (proofs->empty()) break;
    before = proofs->back().id;
    for (RunProof& proof : *proofs) {
      auto check = Check(session, std::move(proof));
      const auto verified = co_await std::move(check);
      if (!verified) co_return ReportError(output, "Failed to fetch records", verified.error());
      tally.Count(verified->verdict);
      if (!verified->verdict.fault && !options.verbose && !options.json) continue;
      auto line = Format(output, options, *verified);
      const Status printed = co_await output.out.Write(std::move(line));
      if (!printed) co_return ExitOfPrinting(output, printed);
    }
  }
  auto summary = tally.Format(output.out);
  const Status printed = options.json ? Status() : co_await output.out.Write(std::move(summary));
  if (!printed) co_return ExitOfPrinting(output, printed);
  co_return tally.bad == 0 ? kExitOk : static_cast<int>(ExitCode::kFailed);
}

}  // namespace

int VerifyCommand(Context& context) {
  VerifyOptions options;
  ArgumentParser parser("verify", "Prove that a run's events are all there, and as they came");
  parser.Positional("run", options.run_id, Need::kOptional, "The run's id");
  parser.Flag("--all", options.all, "Every run, of all users for the admin; prints the bad ones");
  parser.Flag("-v,--verbose", options.verbose, "With --all: the good ones, too");
  parser.Flag("--json", options.json, "One object a run");
  if (const auto exit_code = ParseArguments(parser, "verify", context)) return *exit_code;
  if (options.all == !options.run_id.empty())
    return ReportUsage(context.output, "verify", "Name one run, or say --all");
  return Session::Run(context, [&options](Session& session) {
    return options.all ? VerifyAll(session, options) : VerifyOne(session, options);
  });
}

}  // namespace vm0::cli
