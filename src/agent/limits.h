// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"

namespace vm0::agent {

// Which limits a sandbox can hold a run to on its machine. (The timeouts need none.)
struct Enforceable {
  bool memory = false;
  bool pids = false;
  bool cpu = false;
  bool disk = false;  // its bytes, and how many files
  bool open_files = false;
};

// kSandboxUnavailable naming the first limit that somebody has named and `sandbox` can't hold.
Status CheckNamed(const Limits& named, const Enforceable& can, const std::string& sandbox);

// What a run is held to: what is named, else the default where it can be held.
Limits HeldLimits(const Limits& named, const Enforceable& can);

// The keys of the defaults that can't be held: "memory", "pids", "disk", "files", "open_files".
std::vector<std::string> UnheldDefaults(const Limits& named, const Enforceable& can);

// The keys of those that are named, in the order of the documentation.
std::vector<std::string> NamesOf(const Limits& named);

// For people. A measured size: "4.0 GiB", "96.3 MiB", "512 B".
std::string FormatBytes(std::int64_t bytes);
// A size that somebody chose, which is mostly a whole one: "4 GiB", "96 MiB".
std::string FormatLimit(std::int64_t bytes);

}  // namespace vm0::agent
