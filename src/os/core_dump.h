// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vm0::os {

// From now on the kernel writes no memory image of this process, or of what it starts, when it
// crashes: neither to a file nor to a program that collects them (docs/decisions/0008).
void ForbidCoreDumps();

}  // namespace vm0::os
