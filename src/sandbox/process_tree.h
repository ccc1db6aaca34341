// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

namespace vm0::sandbox {

// Where there is no pid namespace: kills and reaps all descendants of ours until none is left. We
// must be a subreaper, or those whose parents die are lost from sight. Blocks while one of them
// hangs in the kernel.
void KillDescendants();

// All descendants of ours, zombies too.
std::vector<pid_t> Descendants();

// One process as /proc shows it.
struct ProcessInfo {
  pid_t pid = 0;
  uid_t real_uid = 0;
  uid_t effective_uid = 0;
};
// All that run now and fulfil `wanted`; zombies do not count.
std::vector<ProcessInfo> FindProcesses(const std::function<bool(const ProcessInfo&)>& wanted);

}  // namespace vm0::sandbox
