// SPDX-License-Identifier: Apache-2.0
#include "cli/version.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace vm0::cli {
namespace {

std::array<std::int64_t, 3> NumbersOf(std::string_view version) {
  std::array<std::int64_t, 3> numbers = {-1, -1, -1};
  const char* position = version.data();
  const char* const end = position + version.size();
  for (auto& number : numbers) {
    const auto parsed = std::from_chars(position, end, number);
    if (parsed.ec != std::errc()) break;
    if (parsed.ptr == end || *parsed.ptr != '.') break;
    position = parsed.ptr + 1;
  }
  return numbers;
}

}  // namespace

bool IsNewerVersion(std::string_view a, std::string_view b) { return NumbersOf(a) > NumbersOf(b); }

}  // namespace vm0::cli
