// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace vm0::os {

// Raises the number of descriptors that this process may have open as far as it may; gives it, or
// 0 when it can't be told. Children inherit it.
std::size_t RaiseDescriptorLimit();

}  // namespace vm0::os
