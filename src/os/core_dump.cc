// SPDX-License-Identifier: Apache-2.0
#include "os/core_dump.h"

#include <sys/resource.h>

#include <algorithm>

namespace vm0::os {

void ForbidCoreDumps() {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  // One byte and not none: a limit of 0 is ignored when core_pattern names a program, while 1 is
  // what the kernel takes for "not even then". It is too little for a file.
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, 1);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_CORE, &limit);
}

}  // namespace vm0::os
