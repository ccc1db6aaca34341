// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "agent/limits.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/parse_arguments.h"

namespace vm0::cli {
namespace {

constexpr std::size_t kShownLeft = 10;

struct PruneOptions {
  Seconds older_than{0};
  std::int64_t keep = 0;
  bool dry_run = false;
  bool json = false;
};

// What all parts did together.
struct PruneTotal {
  std::int64_t runs = 0;
  std::int64_t events = 0;
  std::int64_t bytes = 0;
  json::array left;  // ids

  // Adds an answer's; gives where to go on, nullopt when that was all.
  Result<std::optional<std::string>> Add(const json::object& part) {
    VM0_ASSIGN(const auto more_runs, IntField(part, "runs"));
    VM0_ASSIGN(const auto more_events, IntField(part, "events"));
    VM0_ASSIGN(const auto more_bytes, IntField(part, "bytes"));
    runs += more_runs.value_or(0);
    events += more_events.value_or(0);
    bytes += more_bytes.value_or(0);
    if (const json::array* ids = ArrayMember(part, "left"))
      left.insert(left.end(), ids->begin(), ids->end());
    return StringField(part, "after");
  }
};

std::string Plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string Describe(const PruneTotal& total) {
  return Plural(total.runs, "run") + ": " + Plural(total.events, "event") + ", " +
         agent::FormatBytes(total.bytes);
}

std::string FormatTotal(const Output& output, const PruneOptions& options,
                        const PruneTotal& total) {
  if (options.json) {
    return ToJson(json::value(json::object{{"dryRun", options.dry_run},
                                           {"runs", total.runs},
                                           {"events", total.events},
                                           {"bytes", total.bytes},
                                           {"left", total.left}})) +
           "\n";
  }
  if (options.dry_run) return "Would prune " + Describe(total) + "\n";
  return output.out.Paint("✓ Pruned " + Describe(total), term::Style::kGreen) + "\n";
}

void SayWhatIsLeft(Output& output, const PruneTotal& total) {
  if (total.left.empty()) return;
  std::string ids;
  for (std::size_t i = 0; i < std::min(total.left.size(), kShownLeft); ++i)
    ids += "\n  " + DisplayText(total.left[i]);
  if (total.left.size() > kShownLeft) ids += "\n  …";
  output.SayDim(
      Plural(static_cast<std::int64_t>(total.left.size()), "run") +
      " left: somebody uses the directory, or it holds what the server does not have:" + ids);
}

json::object RequestOf(const PruneOptions& options, const std::optional<std::string>& after) {
  json::object request{{"olderThan", options.older_than.count()},
                       {"keep", options.keep},
                       {"dryRun", options.dry_run}};
  if (after) request["after"] = *after;
  return request;
}

asio::awaitable<int> Prune(Session& session, PruneOptions options) {
  Output& output = session.output();
  PruneTotal total;
  std::optional<std::string> after;
  do {
    const json::object request = RequestOf(options, after);
    const auto ask = [request](client::UserClient& api) { return api.Prune(request); };
    auto part = co_await session.connection().Call<json::object>(ask);
    Result<std::optional<std::string>> next =
        part ? total.Add(*part) : Fail(std::move(part).error());
    if (!next) {
      if (!options.dry_run && total.events > 0)
        output.SayDim("Pruned until then: " + Describe(total) + ". Say it again to go on");
      co_return ReportError(output, "Prune failed", next.error());
    }
    after = *std::move(next);
  } while (after);
  auto text = FormatTotal(output, options, total);
  const Status printed = co_await output.out.Write(std::move(text));
  SayWhatIsLeft(output, total);
  co_return ExitOfPrinting(output, printed);
}

}  // namespace

int PruneCommand(Context& context) {
  PruneOptions options;
  std::optional<std::string> older_than;
  std::optional<std::int64_t> keep;
  ArgumentParser parser("prune", "Remove events and directories of runs that ended long ago");
  parser.Text("--older-than", older_than, "AGE", "Of runs that ended so long ago: 30d, 12h");
  parser.Number("--keep", keep, 0, "N", "But not of each user's newest N runs");
  parser.Flag("--dry-run", options.dry_run, "Only say what would be removed");
  parser.Flag("--json", options.json, "One object");
  if (const auto exit_code = ParseArguments(parser, "prune", context)) return *exit_code;
  if (!older_than) return ReportUsage(context.output, "prune", "--older-than is missing: 30d, 12h");
  const auto age = ParseDuration(*older_than);
  if (!age) return ReportUsage(context.output, "prune", "--older-than: " + age.error().message);
  options.older_than = *age;
  options.keep = keep.value_or(0);
  return Session::Run(context, [options](Session& session) { return Prune(session, options); });
}

}  // namespace vm0::cli
