// SPDX-License-Identifier: Apache-2.0
#include "sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "os/fd.h"

namespace vm0::sandbox {
namespace {

// Of linux/landlock.h, which is older here than the kernels that we run on.
constexpr std::uint64_t kTruncate = 1ULL << 14;                // ABI 3
constexpr std::uint64_t kIoctlDev = 1ULL << 15;                // ABI 5
constexpr std::uint64_t kScopeAbstractUnixSocket = 1ULL << 0;  // ABI 6
constexpr std::uint64_t kScopeSignal = 1ULL << 1;
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kChangeFolder =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |
    LANDLOCK_ACCESS_FS_REFER;

constexpr std::array<const char*, 8> kDevices = {"/dev/null",   "/dev/zero",    "/dev/full",
                                                 "/dev/random", "/dev/urandom", "/dev/tty",
                                                 "/dev/ptmx",   "/dev/pts"};

std::uint64_t RightsOnFiles(int abi) {
  std::uint64_t rights = kWrite;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDev;
  return rights;
}

os::Fd MakeRuleset(int abi) {
  RulesetAttributes attributes{RightsOnFiles(abi) | kChangeFolder, 0, 0};
  std::size_t size = sizeof attributes.handled_access_fs;
  if (abi >= 6) {
    attributes.scoped = kScopeAbstractUnixSocket | kScopeSignal;
    size = sizeof attributes;
  }
  return os::Fd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
}

// A path that is not there needs no rule.
bool Allow(const os::Fd& ruleset, const char* path, std::uint64_t rights) {
  const os::Fd place(::open(path, O_PATH | O_CLOEXEC));
  if (!place.is_open()) return errno == ENOENT;
  const landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = place.get()};
  return ::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

}  // namespace

int LandlockAbi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 2 ? 0 : static_cast<int>(abi);
}

bool RestrictWriting(const std::vector<std::string>& writable) {
  const int abi = LandlockAbi();
  if (abi == 0) return true;
  const os::Fd ruleset = MakeRuleset(abi);
  if (!ruleset.is_open()) return false;
  const std::uint64_t on_files = RightsOnFiles(abi);
  for (const std::string& folder : writable) {
    if (!Allow(ruleset, folder.c_str(), on_files | kChangeFolder)) return false;
  }
  for (const char* device : kDevices) {
    if (!Allow(ruleset, device, on_files)) return false;
  }
  return ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
}

}  // namespace vm0::sandbox
