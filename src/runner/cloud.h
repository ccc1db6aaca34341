// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "e2b/account.h"
#include "e2b/control_plane.h"

namespace vm0::runner {

// Where runs with the sandbox e2b go (docs/e2b.md). A value.
struct Cloud {
  e2b::Account account;
  std::string server_url;  // how supervisors in sandboxes reach the server
  std::string default_template = "base";
};

// For how long E2B keeps a sandbox of which nobody says that it is still needed: a server that is
// away for longer loses the runs. The shortest maximum of E2B's plans is an hour.
inline constexpr Seconds kSandboxLease{1800};
// How often it is said.
inline constexpr Seconds kSandboxCare{60};

// What our sandboxes are found by.
e2b::Metadata MetadataOf(const std::string& machine);
e2b::Metadata MetadataOf(const std::string& machine, const std::string& run_id, int attempt);
// The run of a sandbox with such metadata; empty when it names none.
std::string RunOf(const e2b::ListedSandbox& sandbox);

// Where things are in a sandbox.
inline constexpr const char* kProgramThere = "/vm0/vm0";
std::string RunDirThere(const std::string& run_id);
// The tag of its supervisor.
inline constexpr const char* kSupervisorTag = "vm0-supervisor";

}  // namespace vm0::runner
