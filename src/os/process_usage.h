// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace vm0::os {

// What this process has used and holds. Zero where the system does not tell.
struct ProcessUsage {
  double cpu_seconds = 0;  // of all its threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t most_descriptors = 0;  // the soft limit
};
ProcessUsage ReadProcessUsage();

}  // namespace vm0::os
