// SPDX-License-Identifier: Apache-2.0
// What one line costs on its way into the spool and out of an ingest body.
#include <benchmark/benchmark.h>

#include <string>

#include "event/classify.h"
#include "event/record.h"

namespace vm0::event {
namespace {

std::string LineOfSize(std::size_t size) {
  std::string line = R"({"type":"assistant","message":{"content":[{"type":"text","text":")";
  while (line.size() + 6 < size) line += R"(some words \u00e9 and é )";
  return line + R"("}]}})";
}

void BM_Classify(benchmark::State& state) {
  const std::string line = LineOfSize(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Classify(line));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * line.size()));
}
BENCHMARK(BM_Classify)->Arg(300)->Arg(3'000)->Arg(100'000);

void BM_ParseRecords(benchmark::State& state) {
  std::string body;
  for (int i = 1; i <= state.range(0); ++i) {
    AppendRecord(body, i, WallTime{Micros{1'763'625'600'000'000 + i}}, Source::kAgent,
                 LineOfSize(300));
  }
  for (auto _ : state) benchmark::DoNotOptimize(ParseRecords(body));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(BM_ParseRecords)->Arg(1)->Arg(100)->Arg(1'000);

}  // namespace
}  // namespace vm0::event
