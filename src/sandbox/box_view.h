// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// Where a box's folders are inside of it.
inline constexpr std::string_view kHomeInside = "/home/agent";
inline constexpr std::string_view kWorkspaceInside = "/workspace";
inline constexpr std::string_view kTmpInside = "/tmp";

// The program of a box as the host has it, and what must be shown so that it runs inside.
struct ProgramView {
  std::string executable;  // inside: the name of a file, or, without '/', to be searched there
  std::vector<std::filesystem::path> installations;  // each shown at its own path, read-only
  struct Link {
    std::filesystem::path place;
    std::filesystem::path target;
  };
  std::vector<Link> links;  // names on PATH that would be missing
};

// With spec.show_installation, and argv[0] a program of the host: it and its interpreter with their
// installations. Else argv[0] as it stands, to be found inside. kSandboxUnavailable when an
// installation can't be shown because it would be `/`, a home folder, or hold or lie in the data
// directory; kIo when the interpreter is missing.
Result<ProgramView> ViewProgram(const BoxSpec& spec);

}  // namespace vm0::sandbox
