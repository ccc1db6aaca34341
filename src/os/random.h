// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace vm0::os {

// From the kernel's generator; never fails.
std::string RandomBytes(std::size_t count);

}  // namespace vm0::os
