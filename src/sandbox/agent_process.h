// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// What an agent is held to by the kernel beyond its limits.
struct Confinement {
  std::vector<sock_filter> system_calls;  // seccomp_filter.h
  std::vector<std::string> writable;      // landlock.h
};

// What is executed, as seen from inside the box.
struct AgentLaunch {
  std::string executable;  // absolute, or relative to working_dir
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string working_dir;
  std::optional<uid_t> run_uid;
  Limits limits;  // those of them that setrlimit(2) holds
  std::optional<Confinement> confinement;
};

// Where a box's folders are seen inside.
struct Folders {
  std::string home;
  std::string workspace;
  std::string tmp;  // empty: /tmp, which needs no mention
};
// The launch of a box whose folders are seen there.
// Those of the host, for a box that shows it.
Folders HostFolders(const BoxSpec& spec);
AgentLaunch MakeLaunch(const BoxSpec& spec, const Folders& folders);

// Forks the agent into a session of its own: as run_uid if set, without a way to more rights, with
// default signals, umask 022, descriptors 0, 1 and 2 of ours and no other. Returns
// when it has been executed. kIo naming the file or folder when it could not be.
Result<pid_t> StartAgent(const AgentLaunch& launch);

}  // namespace vm0::sandbox
