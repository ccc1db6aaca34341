// SPDX-License-Identifier: Apache-2.0
// What masking costs for each byte that an agent prints.
#include <benchmark/benchmark.h>

#include <string>

#include "supervisor/masker.h"

namespace vm0::supervisor {
namespace {

std::vector<std::string> Secrets(int count) {
  std::vector<std::string> values;
  for (int i = 0; i < count; ++i) {
    values.push_back("sk-ant-api03-" + std::to_string(7919 * (i + 1)) +
                     "Zq8xW_v3LrT0/pYk+N5bHdA==");
  }
  return values;
}

std::string LineOf(std::string_view words, std::size_t size) {
  std::string line = R"({"type":"assistant","message":{"content":[{"type":"text","text":")";
  while (line.size() + 6 < size) line += words;
  return line + R"("}]}})";
}

void Run(benchmark::State& state, std::string_view words) {
  const Masker masker(Secrets(static_cast<int>(state.range(0))));
  const std::string line = LineOf(words, static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(masker.Mask(line));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * line.size()));
}

void BM_MaskPlain(benchmark::State& state) {
  Run(state, "Some words as agents write them, without anything special in them. ");
}
BENCHMARK(BM_MaskPlain)->Args({0, 300})->Args({1, 300})->Args({10, 300})->Args({10, 100'000});

void BM_MaskEscapes(benchmark::State& state) {
  Run(state, R"(  if (text == \"x\") {\n    return 100 % size;\n  }\n)");
}
BENCHMARK(BM_MaskEscapes)->Args({10, 300})->Args({10, 100'000});

void BM_MaskNestedEscapes(benchmark::State& state) {
  Run(state, R"({\"path\":\"a/b.cc\",\"text\":\"if (x) {\\n  y();\\n}\\n\"},)");
}
BENCHMARK(BM_MaskNestedEscapes)->Args({10, 300})->Args({10, 100'000});

void BM_MaskSecrets(benchmark::State& state) {
  Run(state, "the key is sk-ant-api03-7919Zq8xW_v3LrT0/pYk+N5bHdA== as I said before, and so on. ");
}
BENCHMARK(BM_MaskSecrets)->Args({10, 300})->Args({10, 100'000});

}  // namespace
}  // namespace vm0::supervisor
