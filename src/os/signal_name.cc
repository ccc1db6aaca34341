// SPDX-License-Identifier: Apache-2.0
#include "os/signal_name.h"

#include <string.h>

namespace vm0::os {

std::string DescribeSignal(int signal) {
  const char* name = ::sigabbrev_np(signal);
  const std::string number = "signal " + std::to_string(signal);
  return name == nullptr ? number : number + " (SIG" + name + ")";
}

}  // namespace vm0::os
