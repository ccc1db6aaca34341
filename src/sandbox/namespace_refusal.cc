// SPDX-License-Identifier: Apache-2.0
#include "sandbox/namespace_refusal.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "os/file.h"

namespace vm0::sandbox {
namespace {

struct Setting {
  std::string_view name;
  std::string_view refusing;
  std::string_view allowing;
};

constexpr std::array kSettings = {
    Setting{"kernel.unprivileged_userns_clone", "0", "1"},
    Setting{"user.max_user_namespaces", "0", "15000"},
    Setting{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
};

bool Refuses(const Setting& setting) {
  std::string path = "/proc/sys/" + std::string(setting.name);
  std::ranges::replace(path, '.', '/');
  const auto value = os::ReadFile(path);
  return value && TrimAscii(*value) == setting.refusing;
}

}  // namespace

std::string ExplainNamespaceRefusal() {
  std::string causes;
  for (const Setting& setting : kSettings) {
    if (!Refuses(setting)) continue;
    const std::string name(setting.name);
    if (!causes.empty()) causes += "; ";
    causes += name + " is " + std::string(setting.refusing) + ": as root, sysctl -w " + name + "=" +
              std::string(setting.allowing);
  }
  const std::string what = "this machine refuses user namespaces: ";
  if (!causes.empty()) return what + causes;
  return what +
         "a container's seccomp profile or a security module forbids them: allow unshare(2) "
         "and mount(2) to vm0 there";
}

}  // namespace vm0::sandbox
