// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace vm0::sandbox {

// What passes between a box and the first process inside of it: orders on the way in, descriptors
// on the way out. Each end sees the other's death as the end of the file.
struct ControlSockets {
  os::Fd ours;  // non-blocking
  os::Fd theirs;
};
Result<ControlSockets> MakeControlSockets();

// A signal for the agent's process group, or kKillSignal.
void SendOrder(int socket, int signal);
// The next order, blocking; kKillSignal at the end of the file.
int ReceiveOrder(int socket);

Status SendDescriptor(int socket, int descriptor);
// kNotFound when there is none: none yet, or none ever, at the end of the file.
Result<os::Fd> ReceiveDescriptor(int socket);

}  // namespace vm0::sandbox
