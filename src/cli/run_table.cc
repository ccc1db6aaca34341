// SPDX-License-Identifier: Apache-2.0
#include "cli/run_table.h"

#include <algorithm>

#include "base/utf8.h"
#include "client/event_page.h"
#include "term/format.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

constexpr std::size_t kPromptWidth = 50;

std::string TextOf(const json::object& object, std::string_view name) {
  return std::string(StringMember(object, name).value_or(""));
}

// "pending (3rd)" with its place in the queue.
std::string StatusOf(const json::object& run) {
  std::string status = TextOf(run, "status");
  const auto place = IntField(run, "queuePosition");
  if (place && *place) status += " (" + FormatOrdinal(**place) + ")";
  return status;
}

}  // namespace

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
  const auto seconds = std::max(std::chrono::floor<Seconds>(now - time), Seconds(0));
  if (seconds < Seconds(60)) return std::to_string(seconds.count()) + "s ago";
  const auto minutes = seconds.count() / 60;
  if (minutes < 60) return std::to_string(minutes) + "m ago";
  if (minutes < 60 * 48) return std::to_string(minutes / 60) + "h ago";
  return std::to_string(minutes / 60 / 24) + "d ago";
}

std::string FormatRuns(const json::array& runs, WallTime now) {
  std::vector<std::vector<std::string>> rows = {{"ID", "AGENT", "STATUS", "CREATED", "PROMPT"}};
  for (const auto& run : runs) {
    if (!run.is_object()) continue;
    const json::object& object = run.get_object();
    rows.push_back({TextOf(object, "id"), TextOf(object, "agentName"), StatusOf(object),
                    FormatAge(TextOf(object, "createdAt"), now),
                    term::Truncate(TextOf(object, "prompt"), kPromptWidth)});
  }
  return FormatTable(rows);
}

}  // namespace vm0::cli
