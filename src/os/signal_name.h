// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vm0::os {

// "signal 9 (SIGKILL)", for people; "signal 34" for one without a name.
std::string DescribeSignal(int signal);

}  // namespace vm0::os
