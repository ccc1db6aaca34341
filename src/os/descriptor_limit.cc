// SPDX-License-Identifier: Apache-2.0
#include "os/descriptor_limit.h"

#include <sys/resource.h>

#include <utility>

namespace vm0::os {

std::size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  return limit.rlim_max;
}

}  // namespace vm0::os
