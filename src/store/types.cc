// SPDX-License-Identifier: Apache-2.0
#include "store/types.h"

#include <array>

namespace vm0::store {
namespace {

constexpr std::array<std::string_view, 6> kStatusNames = {"pending", "running", "completed",
                                                          "failed",  "timeout", "cancelled"};

}  // namespace

std::string_view NameOf(RunStatus status) { return kStatusNames[static_cast<std::size_t>(status)]; }

std::optional<RunStatus> FindRunStatus(std::string_view name) {
  for (std::size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == name) return static_cast<RunStatus>(i);
  }
  return std::nullopt;
}

bool IsTerminal(RunStatus status) {
  return status != RunStatus::kPending && status != RunStatus::kRunning;
}

}  // namespace vm0::store
