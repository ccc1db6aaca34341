// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/result.h"

namespace vm0::sandbox {

// The system calls of a boxed agent. Refused is what a coding agent has no use for and what has
// been a way out of boxes before:
//   EPERM         mounts, namespaces, tracing and the memory of other processes (so no debuggers),
//                 keys, bpf, perf, modules, swap, reboot, clocks, quotas, file handles, set-uid and
//                 set-gid bits, terminal input injection, odd personalities
//   ENOSYS        calls whose arguments can't be looked at (clone3, openat2), io_uring, and
//   whatever
//                 is newer than this list: programs fall back
//   EAFNOSUPPORT  sockets but for unix, IPv4, IPv6 and route netlink
// Calls of another architecture (32-bit, x32) end the process.
Result<std::vector<sock_filter>> MakeSystemCallFilter();

// For the calling thread and all that it starts. Needs no_new_privs. False with errno.
bool ApplySystemCallFilter(const std::vector<sock_filter>& filter);

}  // namespace vm0::sandbox
