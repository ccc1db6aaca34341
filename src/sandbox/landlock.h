// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace vm0::sandbox {

// The second layer below the mounts: even where a mount could be written, only these folders can.

// What the kernel has of Landlock; 0: nothing. We use it from 2 on: the first refuses every rename
// into another folder.
int LandlockAbi();

// For the calling thread and all that it starts: nothing can be written but what lies below
// `writable` and the devices that everybody writes to; processes outside of this can't be
// signalled, nor their abstract unix sockets reached (ABI 6). Reading and executing stay as they
// are. Needs no_new_privs. True, and nothing done, where the kernel has no Landlock; false with
// errno.
bool RestrictWriting(const std::vector<std::string>& writable);

}  // namespace vm0::sandbox
