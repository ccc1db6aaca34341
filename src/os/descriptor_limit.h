// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace vm0::os {

// Raises the number of descriptors that this process may have open as far as it may; gives it.
std::size_t RaiseDescriptorLimit();

}  // namespace vm0::os
