// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "os/file.h"
#include "sandbox/control_group.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string_view>;

constexpr std::string_view kV2 = "";  // its line in /proc/self/cgroup names no controller

struct Mount {
  std::string_view root;   // which group of the hierarchy is seen
  std::string_view point;  // where
};

bool Contains(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Where the hierarchy of a controller is mounted. A line is
//   36 25 0:30 ROOT POINT options optional… - TYPE source super-options
std::optional<Mount> FindMount(std::string_view mountinfo, std::string_view controller) {
  for (const std::string_view line : Split(mountinfo, '\n')) {
    const Words words = Split(line, ' ');
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const std::string_view type = dash[1];
    const bool is_v2 = type == "cgroup2";
    const bool has_it = type == "cgroup" && Contains(Split(dash[3], ','), controller);
    if (controller == kV2 ? is_v2 : has_it) return Mount{words[3], words[4]};
  }
  return std::nullopt;
}

// Our group in the hierarchy of a controller. A line is "4:memory:/path", or "0::/path" for v2.
std::optional<std::string_view> FindGroup(std::string_view cgroup, std::string_view controller) {
  for (const std::string_view line : Split(cgroup, '\n')) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const bool found = controller == kV2 ? names.empty() : Contains(Split(names, ','), controller);
    if (found) return line.substr(second + 1);
  }
  return std::nullopt;
}

fs::path FindPlace(std::string_view cgroup, std::string_view mountinfo,
                   std::string_view controller) {
  const auto group = FindGroup(cgroup, controller);
  const auto mount = FindMount(mountinfo, controller);
  if (!group || !mount) return {};
  // A group above the one that is mounted can't be seen.
  std::string_view below = *group;
  if (below.contains("..")) return {};
  if (mount->root != "/") {
    if (!below.starts_with(mount->root)) return {};
    below.remove_prefix(mount->root.size());
  }
  while (below.starts_with('/')) below.remove_prefix(1);
  const fs::path point(mount->point);
  return below.empty() ? point : point / below;
}

}  // namespace

GroupPlaces ParsePlaces(std::string_view cgroup, std::string_view mountinfo) {
  return {.memory = FindPlace(cgroup, mountinfo, "memory"),
          .pids = FindPlace(cgroup, mountinfo, "pids"),
          .cpu = FindPlace(cgroup, mountinfo, "cpu"),
          .cpu_time = FindPlace(cgroup, mountinfo, "cpuacct"),
          .unified = FindPlace(cgroup, mountinfo, kV2)};
}

GroupPlaces FindPlaces() {
  const auto cgroup = os::ReadFile("/proc/self/cgroup");
  const auto mountinfo = os::ReadFile("/proc/self/mountinfo");
  if (!cgroup || !mountinfo) return {};
  return ParsePlaces(*cgroup, *mountinfo);
}

}  // namespace vm0::sandbox
