// SPDX-License-Identifier: Apache-2.0
#include "base/run_error.h"

#include <array>
#include <cassert>
#include <cstddef>

namespace vm0 {
namespace {

constexpr auto kTable = std::to_array<RunErrorInfo>({
#define X(enumerator, name, status, what, remedy) {name, status, what, remedy},
    VM0_RUN_ERROR_TABLE(X)
#undef X
});

}  // namespace

const RunErrorInfo& InfoOf(RunError error) {
  const auto index = static_cast<std::size_t>(error);
  assert(index < kTable.size());
  return kTable[index];
}

std::string WhatOf(RunError error, std::string_view detail) {
  std::string text(InfoOf(error).what);
  const auto place = text.find("{}");
  if (place != std::string::npos) text.replace(place, 2, detail);
  return text;
}

std::string Describe(RunError error, std::string_view detail) {
  const std::string_view remedy = InfoOf(error).remedy;
  std::string text = WhatOf(error, detail);
  if (!remedy.empty()) text.append("; ").append(remedy);
  return text;
}

}  // namespace vm0
