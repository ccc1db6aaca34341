// SPDX-License-Identifier: Apache-2.0
// The load generator of the benchmarks: one measure of one peer, as a JSON object on stdout.
#include <algorithm>
#include <cstdio>
#include <map>

#include "measures.h"
#include "postgres.h"

namespace load {

double Percentile(std::vector<std::int64_t>& values, double part) {
  if (values.empty()) Fail("nothing was measured");
  const auto at = std::min(values.size() - 1,
                           static_cast<std::size_t>(static_cast<double>(values.size()) * part));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return static_cast<double>(values[at]) / 1000;
}

}  // namespace load

int main(int argc, char** argv) {
  const load::Options options = load::ParseOptions(argc, argv);
  const std::map<std::string, load::Figures (*)(const load::Options&)> measures = {
      {"append", load::MeasureAppend},
      {"latency", load::MeasureLatency},
      {"fan-out", load::MeasureFanOut},
      {"pages", load::MeasurePages},
      {"spawn", load::MeasureSpawn},
      {"stamps", load::MeasureStamps},
      {"first-byte", load::MeasureFirstByte},
      {"tick", load::Tick},
      {"sql",
       [](const load::Options& options) { return load::ExecuteSql(options), load::Figures{}; }},
  };
  const auto measure = measures.find(options.measure);
  if (measure == measures.end()) load::Fail("no such measure: " + options.measure);
  const load::Figures figures = measure->second(options);
  if (figures.empty()) return 0;
  const char* between = "{";
  for (const auto& [name, value] : figures) {
    std::printf("%s\"%s\": %.3f", between, name.c_str(), value);
    between = ", ";
  }
  std::puts("}");
}
