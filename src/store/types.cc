// SPDX-License-Identifier: Apache-2.0
#include "store/types.h"

#include <array>

namespace vm0::store {
namespace {

constexpr std::array<std::string_view, 6> kStatusNames = {"pending", "running", "completed",
                                                          "failed",  "timeout", "cancelled"};

constexpr std::array<std::string_view, 2> kHashedByNames = {"supervisor", "server"};

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

std::string_view NameOf(HashedBy who) { return kHashedByNames[static_cast<std::size_t>(who)]; }

std::optional<HashedBy> FindHashedBy(std::string_view name) {
  for (std::size_t i = 0; i < kHashedByNames.size(); ++i) {
    if (kHashedByNames[i] == name) return static_cast<HashedBy>(i);
  }
  return std::nullopt;
}

}  // namespace vm0::store
