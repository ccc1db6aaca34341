// SPDX-License-Identifier: Apache-2.0
#include "event/event.h"

#include <array>
#include <cstddef>

namespace vm0::event {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 4> kNames{"agent", "stdout", "stderr", "vm0"};

}  // namespace

std::string_view NameOf(Source source) { return kNames[static_cast<std::size_t>(source)]; }

std::optional<Source> FindSource(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Source>(i);
  }
  return std::nullopt;
}

}  // namespace vm0::event
