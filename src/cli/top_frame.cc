// SPDX-License-Identifier: Apache-2.0
#include "cli/top_frame.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "base/utf8.h"
#include "cli/run_table.h"
#include "term/format.h"
#include "term/sanitize.h"

namespace vm0::cli {
namespace {

using Labels = client::MetricsText::Labels;

constexpr std::size_t kLabelWidth = 11;

std::string Count(double number) { return term::FormatFixed(number, 0); }

// "350µs", "1.2ms", "12.0s", "2m". The last bucket of a lag ends at a minute: "1m" is that or more.
std::string FormatLag(double seconds) {
  if (seconds >= 60) return FormatSpan(Micros(static_cast<std::int64_t>(seconds * 1e6)));
  if (seconds >= 1) return term::FormatFixed(seconds, 1) + "s";
  if (seconds >= 0.001) return term::FormatFixed(seconds * 1e3, 1) + "ms";
  return term::FormatFixed(seconds * 1e6, 0) + "µs";
}

std::string FormatBytes(double bytes) {
  constexpr double kMiB = 1 << 20;
  if (bytes >= 1024 * kMiB) return term::FormatFixed(bytes / kMiB / 1024, 1) + " GiB";
  return term::FormatFixed(bytes / kMiB, 0) + " MiB";
}

// At most so many characters of one line.
std::string Cut(const std::string& text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size() && count < columns; ++count)
    end += Utf8SequenceAt(text, end).size;
  return text.substr(0, end);
}

// The numbers of a view, in words.
class Words {
 public:
  explicit Words(const TopView& view) : view_(view) {
    const double start = view.now.Sum("process_start_time_seconds");
    const auto now = static_cast<double>(view.time.time_since_epoch().count()) / 1e6;
    uptime_ = std::max(now - start, 0.0);
    seconds_ = view.before ? static_cast<double>(view.span.count()) / 1e6 : uptime_;
  }

  Micros uptime() const { return Micros(static_cast<std::int64_t>(uptime_ * 1e6)); }
  double Sum(std::string_view name, const Labels& labels = {}) const {
    return view_.now.Sum(name, labels);
  }
  double Since(std::string_view name, const Labels& labels = {}) const {
    const double before = view_.before ? view_.before->Sum(name, labels) : 0;
    return std::max(Sum(name, labels) - before, 0.0);
  }
  double RateOf(std::string_view name, const Labels& labels = {}) const {
    return seconds_ > 0 ? Since(name, labels) / seconds_ : 0;
  }
  std::string Rate(std::string_view name) const {
    const double rate = RateOf(name);
    return term::FormatFixed(rate, rate < 10 ? 1 : 0) + "/s";
  }
  // "p50 1.2ms, p99 8.0ms", or "-".
  std::string Quantiles(const std::string& name, const Labels& labels = {}) const {
    return QuantilesSince(view_.before, name, labels);
  }
  std::string QuantilesInAll(const std::string& name) const {
    return QuantilesSince(nullptr, name, {});
  }
  // "3 queued, 0 held".
  std::string Each(std::string_view name, const std::string& label,
                   const std::vector<std::string>& values) const {
    std::vector<std::string> parts;
    for (const std::string& value : values)
      parts.push_back(Count(Sum(name, {{label, value}})) + " " + value);
    return Join(parts, ", ");
  }

 private:
  std::string QuantilesSince(const client::MetricsText* before, const std::string& name,
                             const Labels& labels) const {
    const auto median = view_.now.Quantile(0.5, name, labels, before);
    const auto most = view_.now.Quantile(0.99, name, labels, before);
    if (!median || !most) return "-";
    return "p50 " + FormatLag(*median) + ", p99 " + FormatLag(*most);
  }

  const TopView& view_;
  double uptime_ = 0;
  double seconds_ = 0;  // of what is counted
};

struct Line {
  std::string label;
  std::string text;
};

std::string DescribeRuns(const Words& words) {
  std::string text = words.Each("vm0_runs", "state", {"queued", "held", "running", "external"});
  const double unheard = words.Sum("vm0_supervisors", {{"state", "unheard"}});
  const double waiting = words.Sum("vm0_supervisors_waiting_for_disk");
  if (unheard > 0) text += "; " + Count(unheard) + " not heard of";
  if (waiting > 0) text += "; " + Count(waiting) + " wait for a full disk";
  return text;
}

std::string DescribePolls(const Words& words) {
  double polls = 0;
  double empty = 0;
  for (const char* transport : {"poll", "long_poll"}) {
    polls += words.Since("vm0_event_requests_total", {{"transport", transport}});
    empty += words.Since("vm0_empty_polls_total", {{"transport", transport}});
  }
  if (polls == 0) return "no polls";
  return Count(polls) + " polls, " + Count(100 * empty / polls) + "% empty";
}

std::string DescribeCommits(const Words& words) {
  const double commits = words.Since("vm0_store_commit_writes_count");
  const double writes = words.Since("vm0_store_commit_writes_sum");
  std::string text = words.Rate("vm0_store_commit_writes_count") + ", " +
                     words.Quantiles("vm0_store_commit_seconds");
  if (commits > 0) text += ", " + term::FormatFixed(writes / commits, 1) + " writes each";
  return text + ", " + Count(words.Sum("vm0_store_queue_writes")) + " waiting";
}

std::string DescribeProcess(const Words& words) {
  return Count(100 * words.RateOf("process_cpu_seconds_total")) + "% CPU, " +
         FormatBytes(words.Sum("process_resident_memory_bytes")) + ", " +
         Count(words.Sum("process_open_fds")) + " of " + Count(words.Sum("process_max_fds")) +
         " descriptors";
}

std::vector<Line> DescribeServer(const Words& words) {
  const auto delivered = [&words](const char* transport) {
    return words.Quantiles("vm0_event_delivery_lag_seconds", {{"transport", transport}});
  };
  return {
      {"runs", DescribeRuns(words)},
      {"ended", words.Each("vm0_runs_ended_total", "status",
                           {"completed", "failed", "timeout", "cancelled"})},
      {"queue", "wait " + words.QuantilesInAll("vm0_run_queue_wait_seconds")},
      {"events", words.Rate("vm0_events_stored_total") + ", " +
                     Count(words.Sum("vm0_events_stored_total")) + " in all, " +
                     Count(words.Sum("vm0_spool_backlog_events")) + " wait in spools"},
      {"committed", words.Quantiles("vm0_event_commit_lag_seconds")},
      {"delivered", "sse " + delivered("sse") + "; websocket " + delivered("websocket") +
                        "; long_poll " + delivered("long_poll")},
      {"readers", words.Each("vm0_readers", "transport", {"sse", "websocket", "long_poll"}) + "; " +
                      DescribePolls(words)},
      {"commits", DescribeCommits(words)},
      {"server", DescribeProcess(words)},
  };
}

std::string FormatHead(const TopView& view, const Words& words) {
  return term::SanitizeLine("vm0 " + view.now.LabelOf("vm0_build_info", "version") + " at " +
                            view.server + ", up " + FormatSpan(words.uptime()));
}

// Lines of a table, as many as fit.
void AddRuns(std::vector<std::string>& lines, const TopView& view, std::optional<TopSize> size,
             term::Colour colour) {
  const std::string table = FormatLiveRuns(view.runs, view.time);
  std::vector<std::string_view> rows = Split(table, '\n');
  rows.pop_back();  // behind the last line
  const std::size_t room = size ? size->rows - std::min(size->rows, lines.size()) : rows.size();
  const bool fits = rows.size() <= room;
  const std::size_t shown = fits ? rows.size() : std::max<std::size_t>(room, 1) - 1;
  for (std::size_t i = 0; i < shown; ++i) {
    std::string row(rows[i]);
    if (size) row = Cut(row, size->columns);
    lines.push_back(i == 0 ? term::Paint(row, term::Style::kDim, colour) : std::move(row));
  }
  if (!fits && room > 0)
    lines.push_back("and " + std::to_string(rows.size() - std::max<std::size_t>(shown, 1)) +
                    " more");
}

}  // namespace

std::vector<std::string> FormatTop(const TopView& view, std::optional<TopSize> size,
                                   term::Colour colour) {
  const Words words(view);
  const auto cut = [size](const std::string& text, std::size_t used) {
    return size ? Cut(text, size->columns - std::min(size->columns, used)) : text;
  };
  std::vector<std::string> lines;
  lines.push_back(term::Paint(cut(FormatHead(view, words), 0), term::Style::kBold, colour));
  const std::string problem = term::SanitizeLine(view.problem);
  if (!problem.empty()) lines.push_back(term::Paint(cut(problem, 0), term::Style::kRed, colour));
  for (Line& line : DescribeServer(words)) {
    line.label.resize(kLabelWidth, ' ');
    lines.push_back(term::Paint(cut(line.label, 0), term::Style::kDim, colour) +
                    cut(line.text, kLabelWidth));
  }
  if (!view.runs.empty()) {
    lines.emplace_back();
    AddRuns(lines, view, size, colour);
  }
  if (size && lines.size() > size->rows) lines.resize(size->rows);
  return lines;
}

}  // namespace vm0::cli
