// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// Where a process of ours may make control groups: its own group in each hierarchy; empty where
// there is none. Machines have either one hierarchy for everything (v2, `unified`), or one for each
// controller (v1) and mostly a v2 one beside them.
struct GroupPlaces {
  std::filesystem::path memory;
  std::filesystem::path pids;
  std::filesystem::path cpu;
  std::filesystem::path cpu_time;  // v1 only: its controller "cpuacct"
  std::filesystem::path unified;
};
// From the texts of /proc/self/cgroup and /proc/self/mountinfo.
GroupPlaces ParsePlaces(std::string_view cgroup, std::string_view mountinfo);
// Of this process.
GroupPlaces FindPlaces();

// The control group of one run: holds its limits, measures and kills whoever is in it. It is made
// below our own groups (or beside our own one in v2, whose groups with processes may have none with
// controllers below them). Writes nothing outside of itself but the `cgroup.subtree_control` of a
// group that is delegated to us; mounts nothing. Not thread-safe.
class ControlGroup {
 public:
  // A leftover of that name is taken over. Where nothing can be made the group is empty, and
  // good for nothing; kSandboxUnavailable when a limit of memory or cpu can't be held in it. A
  // limit of pids is held if it can be.
  static Result<std::unique_ptr<ControlGroup>> Make(const GroupPlaces& places,
                                                    const std::string& name, const Limits& limits);
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  // Kills who is left in it and removes it.
  ~ControlGroup();

  // What it can hold.
  Enforceable controllers() const;
  // The folders that a process joins, each by JoinGroup.
  std::vector<std::filesystem::path> folders() const;
  Usage usage() const;
  // All that is in it.
  void Kill();

 private:
  enum class Layout { kV1, kV2 };
  struct Controller {
    std::filesystem::path folder;
    Layout layout = Layout::kV2;
  };

  ControlGroup() = default;
  static std::optional<Controller> MakeV1(const std::filesystem::path& place,
                                          const std::string& name, const char* file);
  void MakeUnified(const std::filesystem::path& own, const std::string& name);
  Status SetMemory(std::int64_t bytes) const;
  Status SetCpu(double cores) const;
  void SetPids(std::int64_t most) const;

  std::optional<Controller> memory_;
  std::optional<Controller> pids_;
  std::optional<Controller> cpu_;
  std::filesystem::path cpu_time_;
  // Where v1 has all controllers there is none: to move into a v2 group costs ten milliseconds.
  std::filesystem::path unified_;
};

// The name of the group of a box.
std::string GroupName(const std::string& box);
// What groups of ours can hold on this machine: makes one and looks.
Enforceable ProbeGroups();
// The calling process, which must have one thread, and whatever it starts from then on.
Status JoinGroup(const std::filesystem::path& folder);
// Kills and removes what a dead process of ours has left of the group of that name.
void RemoveGroup(const std::string& name);

}  // namespace vm0::sandbox
