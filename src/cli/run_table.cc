// SPDX-License-Identifier: Apache-2.0
#include "cli/run_table.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "client/event_page.h"
#include "term/format.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

constexpr std::size_t kPromptWidth = 50;
constexpr std::size_t kAgentWidth = 24;

std::string TextOf(const json::object& object, std::string_view name) {
  return std::string(StringMember(object, name).value_or(""));
}

// An agent that has printed nothing for so long is called silent.
constexpr Seconds kSilentAfter{60};

// The time since one of the activity's times; nullopt when it is absent.
std::optional<Micros> SpanSince(const json::object& activity, std::string_view name, WallTime now) {
  const WallTime time = client::ParseTime(TextOf(activity, name));
  if (time == WallTime{}) return std::nullopt;
  return now - time;
}

std::string DescribeUnheard(const json::object& activity, WallTime now) {
  const auto span = SpanSince(activity, "lastHeardAt", now);
  return "supervisor not heard of" +
         (span ? " for " + FormatSpan(*span) : " since the server started");
}

// What is worth a word in the list; empty for an agent that works.
std::string RemarkOn(const json::object& activity, WallTime now) {
  if (const auto preparing = StringMember(activity, "preparing"))
    return ", " + std::string(*preparing);
  if (TextOf(activity, "supervisor") == "unheard") return ", " + DescribeUnheard(activity, now);
  if (Member(activity, "waitsForDiskSeconds") != nullptr) return ", waits for a full disk";
  const auto silent = SpanSince(activity, "lastEventAt", now);
  return silent && *silent >= kSilentAfter ? ", silent for " + FormatSpan(*silent) : "";
}

// " (3rd)"; empty when it is not in the queue.
std::string PlaceOf(const json::object& run) {
  const auto place = IntField(run, "queuePosition");
  return place && *place ? " (" + FormatOrdinal(**place) + ")" : "";
}

// "pending (3rd)" with its place in the queue, "running, silent for 12m".
std::string StatusOf(const json::object& run, WallTime now) {
  std::string status = TextOf(run, "status");
  if (const json::object* activity = ObjectMember(run, "activity"))
    status += RemarkOn(*activity, now);
  if (const json::object* pruned = ObjectMember(run, "pruned"))
    status += Member(*pruned, "at") != nullptr ? ", pruned" : ", partly pruned";
  return status + PlaceOf(run);
}

}  // namespace

std::string FormatSpan(Micros span) {
  const auto seconds = std::max(std::chrono::floor<Seconds>(span), Seconds(0)).count();
  if (seconds < 60) return std::to_string(seconds) + "s";
  const auto minutes = seconds / 60;
  if (minutes < 60) return std::to_string(minutes) + "m";
  if (minutes < 60 * 48) return std::to_string(minutes / 60) + "h";
  return std::to_string(minutes / 60 / 24) + "d";
}

std::string FormatOrdinal(std::int64_t number) {
  const std::int64_t last = number % 10;
  const bool is_teen = number / 10 % 10 == 1;
  std::string_view ending = "th";
  if (last == 1 && !is_teen) ending = "st";
  if (last == 2 && !is_teen) ending = "nd";
  if (last == 3 && !is_teen) ending = "rd";
  return std::to_string(number) + std::string(ending);
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells = rows;
  std::vector<std::size_t> widths;
  for (auto& row : cells) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = term::SanitizeLine(row[i]);
      widths[i] = std::max(widths[i], CountUtf8Characters(row[i]));
    }
  }
  std::string text;
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - CountUtf8Characters(row[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string FormatAge(std::string_view iso, WallTime now) {
  const WallTime time = client::ParseTime(iso);
  if (time == WallTime{}) return std::string(iso);
  return FormatSpan(now - time) + " ago";
}

std::string FormatActivity(const json::object& activity, WallTime now) {
  if (const auto preparing = StringMember(activity, "preparing")) return std::string(*preparing);
  const auto event = SpanSince(activity, "lastEventAt", now);
  std::string text = event ? "last event " + FormatSpan(*event) + " ago" : "no event yet";
  const std::string supervisor = TextOf(activity, "supervisor");
  const auto heard = SpanSince(activity, "lastHeardAt", now);
  if (supervisor == "unheard") text += ", " + DescribeUnheard(activity, now);
  if (supervisor == "alive" && heard)
    text += ", supervisor heard of " + FormatSpan(*heard) + " ago";
  if (supervisor == "unknown") text += ", the server has just started";
  const auto waits = IntField(activity, "waitsForDiskSeconds");
  if (waits && *waits)
    text += ", waits for room on a disk that is full, " + FormatSpan(Seconds(**waits)) + " by now";
  return text;
}

std::string FormatPruned(const json::object& pruned, WallTime now) {
  const auto last = IntField(pruned, "lastSequence");
  const std::string at = TextOf(pruned, "at");
  const std::string to = std::to_string(last && *last ? **last : 0);
  if (at.empty()) return "its directory and events up to " + to + "; `vm0 prune` goes on with it";
  return "its directory and all of its " + to + " events, " + FormatAge(at, now);
}

std::string FormatRuns(const json::array& runs, WallTime now) {
  std::vector<std::vector<std::string>> rows = {{"ID", "AGENT", "STATUS", "CREATED", "PROMPT"}};
  for (const auto& run : runs) {
    if (!run.is_object()) continue;
    const json::object& object = run.get_object();
    rows.push_back({TextOf(object, "id"), TextOf(object, "agentName"), StatusOf(object, now),
                    FormatAge(TextOf(object, "createdAt"), now),
                    term::Truncate(TextOf(object, "prompt"), kPromptWidth)});
  }
  return FormatTable(rows);
}

std::string FormatLiveRuns(const json::array& runs, WallTime now) {
  std::vector<std::vector<std::string>> rows = {{"ID", "AGENT", "STATE", "EVENTS", "ACTIVITY"}};
  for (const auto& run : runs) {
    if (!run.is_object()) continue;
    const json::object& object = run.get_object();
    const json::object* activity = ObjectMember(object, "activity");
    const auto events = IntField(object, "lastSequence");
    rows.push_back({TextOf(object, "id"), term::Truncate(TextOf(object, "agentName"), kAgentWidth),
                    TextOf(object, "status") + PlaceOf(object),
                    events && *events ? std::to_string(**events) : "",
                    activity ? FormatActivity(*activity, now)
                             : "created " + FormatAge(TextOf(object, "createdAt"), now)});
  }
  return FormatTable(rows);
}

}  // namespace vm0::cli
