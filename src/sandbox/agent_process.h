// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// What is executed, as seen from inside the box.
struct AgentLaunch {
  std::string executable;  // absolute, or relative to working_dir
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  std::string working_dir;
  std::optional<uid_t> run_uid;
};

// The launch of a box whose home and workspace are seen at these paths.
AgentLaunch MakeLaunch(const BoxSpec& spec, const std::string& home, const std::string& workspace);

// Forks the agent into a session of its own: as run_uid if set, without a way to more rights, with
// default signals, umask 022, descriptors 0, 1 and 2 of ours and no other. Returns when it has been
// executed. kIo naming the file or folder when it could not be.
Result<pid_t> StartAgent(const AgentLaunch& launch);

}  // namespace vm0::sandbox
