// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition.h"

#include <array>
#include <cassert>
#include <charconv>

namespace vm0::metrics {
namespace {

// The shortest text that means this number: 3, 0.0001, 1e+300.
std::string NumberText(double value) {
  constexpr double kLong = 1e15;
  std::array<char, 512> buffer{};  // the least number has 326 characters without an exponent
  const auto format = value < kLong ? std::chars_format::fixed : std::chars_format::general;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  return {buffer.data(), end};
}

void AppendLabel(std::string& out, std::string_view name, std::string_view value) {
  out += out.ends_with('{') ? "" : ",";
  out.append(name).append("=\"");
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

Exposition& Exposition::Begin(std::string_view name, std::string_view help, std::string_view type) {
  assert(help.find_first_of("\\\n") == std::string_view::npos);
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  return *this;
}

Exposition& Exposition::Counter(std::string_view name, std::string_view help) {
  return Begin(name, help, "counter");
}

Exposition& Exposition::Gauge(std::string_view name, std::string_view help) {
  return Begin(name, help, "gauge");
}

Exposition& Exposition::Histograms(std::string_view name, std::string_view help) {
  return Begin(name, help, "histogram");
}

Exposition& Exposition::Add(Labels labels, double value) {
  Line("", labels, "", value);
  return *this;
}

Exposition& Exposition::Add(Labels labels, const Histogram& histogram) {
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    up_to += histogram.counts()[i];
    const bool is_last = i == histogram.bounds().size();
    const std::string bound = is_last ? "+Inf" : NumberText(histogram.bounds()[i]);
    Line("_bucket", labels, bound, static_cast<double>(up_to));
  }
  Line("_sum", labels, "", histogram.sum());
  Line("_count", labels, "", static_cast<double>(up_to));
  return *this;
}

void Exposition::Line(std::string_view suffix, Labels labels, std::string_view bound,
                      double value) {
  assert(!name_.empty());
  text_.append(name_).append(suffix);
  if (labels.size() > 0 || !bound.empty()) {
    text_ += '{';
    for (const auto& [name, label_value] : labels) AppendLabel(text_, name, label_value);
    if (!bound.empty()) AppendLabel(text_, "le", bound);
    text_ += '}';
  }
  text_.append(" ").append(NumberText(value)).append("\n");
}

}  // namespace vm0::metrics
