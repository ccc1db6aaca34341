// SPDX-License-Identifier: Apache-2.0
#include "client/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"

namespace vm0::client {
namespace {

std::unexpected<Error> NoMetrics(std::string_view line) {
  return Fail(Code::kUnreachable,
              "The answer is no metrics; a line is \"" + std::string(line.substr(0, 80)) + "\"");
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes `name="value",` or the last one without comma from the begin of `text`.
bool TakeLabel(std::string_view& text, MetricsText::Labels& labels) {
  const std::size_t equals = text.find("=\"");
  if (equals == std::string_view::npos) return false;
  std::string& value = labels[std::string(text.substr(0, equals))];
  std::size_t at = equals + 2;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
    if (at < text.size()) value += text[at] == 'n' && text[at - 1] == '\\' ? '\n' : text[at];
  }
  if (at >= text.size()) return false;
  text.remove_prefix(at + 1);
  if (text.starts_with(',')) text.remove_prefix(1);
  return true;
}

bool Includes(const MetricsText::Labels& all, const MetricsText::Labels& wanted) {
  return std::ranges::includes(all, wanted);
}

}  // namespace

Result<MetricsText::Sample> MetricsText::ParseSample(std::string_view line) {
  const std::size_t space = line.rfind(' ');
  if (space == std::string_view::npos) return NoMetrics(line);
  const auto value = ParseNumber(line.substr(space + 1));
  if (!value) return NoMetrics(line);
  std::string_view name = line.substr(0, space);
  Sample sample{.name = std::string(name.substr(0, name.find('{'))), .labels = {}, .value = *value};
  if (sample.name.size() == name.size()) return sample;
  if (!name.ends_with('}')) return NoMetrics(line);
  std::string_view labels = name.substr(sample.name.size() + 1);
  labels.remove_suffix(1);
  while (!labels.empty()) {
    if (!TakeLabel(labels, sample.labels)) return NoMetrics(line);
  }
  return sample;
}

Result<MetricsText> MetricsText::Parse(std::string_view text) {
  MetricsText metrics;
  for (const std::string_view line : Split(text, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    VM0_ASSIGN(auto sample, ParseSample(line));
    metrics.samples_.push_back(std::move(sample));
  }
  return metrics;
}

double MetricsText::Sum(std::string_view name, const Labels& labels) const {
  double sum = 0;
  for (const Sample& sample : samples_) {
    if (sample.name == name && Includes(sample.labels, labels)) sum += sample.value;
  }
  return sum;
}

std::string MetricsText::LabelOf(std::string_view name, const std::string& label) const {
  const auto found = std::ranges::find(samples_, name, &Sample::name);
  if (found == samples_.end() || !found->labels.contains(label)) return "";
  return found->labels.at(label);
}

std::map<double, double> MetricsText::BucketsOf(const std::string& name,
                                                const Labels& labels) const {
  std::map<double, double> buckets;
  for (const Sample& sample : samples_) {
    if (sample.name != name + "_bucket" || !Includes(sample.labels, labels)) continue;
    const auto bound = sample.labels.find("le");
    const auto limit = bound == sample.labels.end() ? std::nullopt : ParseNumber(bound->second);
    if (limit) buckets[*limit] += sample.value;
  }
  return buckets;
}

std::optional<double> MetricsText::Quantile(double quantile, const std::string& name,
                                            const Labels& labels, const MetricsText* before) const {
  auto buckets = BucketsOf(name, labels);
  if (before != nullptr) {
    for (const auto& [bound, count] : before->BucketsOf(name, labels)) buckets[bound] -= count;
  }
  if (buckets.empty() || buckets.rbegin()->second <= 0) return std::nullopt;
  const double rank = quantile * buckets.rbegin()->second;
  double lower = 0;
  double below = 0;
  for (const auto& [bound, count] : buckets) {
    if (bound == std::numeric_limits<double>::infinity()) break;
    if (count >= rank && count > below)
      return lower + (bound - lower) * (rank - below) / (count - below);
    lower = bound;
    below = count;
  }
  return lower;  // beyond the last bound
}

}  // namespace vm0::client
