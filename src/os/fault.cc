// SPDX-License-Identifier: Apache-2.0
#include "os/fault.h"

#ifdef VM0_TEST_HOOKS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#include "base/text.h"

namespace vm0::os {
namespace {

enum class Action { kCrash, kFail, kHang };

struct Fault {
  Action action = Action::kFail;
  std::int64_t only_at = 0;  // 0: every time
  std::int64_t passes = 0;
};

[[noreturn]] void RefuseSpec(std::string_view spec) {
  // A test with a mistyped fault must not pass.
  std::fprintf(stderr, "VM0_FAULT: \"%.*s\" is not point:crash|fail|hang[@n]\n",
               static_cast<int>(spec.size()), spec.data());
  std::_Exit(99);
}

Action ParseAction(std::string_view name, std::string_view spec) {
  if (name == "crash") return Action::kCrash;
  if (name == "fail") return Action::kFail;
  if (name == "hang") return Action::kHang;
  RefuseSpec(spec);
}

std::pair<std::string, Fault> ParseFault(std::string_view spec) {
  const auto colon = spec.rfind(':');
  if (colon == std::string_view::npos || colon == 0) RefuseSpec(spec);
  std::string_view action = spec.substr(colon + 1);
  Fault fault;
  if (const auto at = action.find('@'); at != std::string_view::npos) {
    const auto count = ParseInt(action.substr(at + 1));
    if (!count || *count < 1) RefuseSpec(spec);
    fault.only_at = *count;
    action = action.substr(0, at);
  }
  fault.action = ParseAction(action, spec);
  return {std::string(spec.substr(0, colon)), fault};
}

std::map<std::string, Fault, std::less<>> ParseEnvironment() {
  std::map<std::string, Fault, std::less<>> faults;
  const char* specs = std::getenv("VM0_FAULT");
  if (specs == nullptr) return faults;
  for (std::string_view spec : Split(specs, ',')) {
    if (!spec.empty()) faults.insert(ParseFault(spec));
  }
  return faults;
}

// True for the one process that makes the file, so that a restarted one does not fail again.
bool MayFire() {
  const char* once_file = std::getenv("VM0_FAULT_ONCE_FILE");
  if (once_file == nullptr) return true;
  const int fd = ::open(once_file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  ::close(fd);
  return true;
}

// The action to take now; nullptr for none.
const Fault* Pass(std::string_view point) {
  static std::mutex mutex;
  static auto faults = ParseEnvironment();
  if (faults.empty()) return nullptr;
  std::lock_guard lock(mutex);
  const auto found = faults.find(point);
  if (found == faults.end()) return nullptr;
  Fault& fault = found->second;
  ++fault.passes;
  if (fault.only_at != 0 && fault.passes != fault.only_at) return nullptr;
  return MayFire() ? &fault : nullptr;
}

}  // namespace

bool FaultFails(std::string_view point) {
  const Fault* fault = Pass(point);
  if (fault == nullptr) return false;
  switch (fault->action) {
    case Action::kCrash:
      ::kill(::getpid(), SIGKILL);
      for (;;) ::pause();  // until the signal is delivered
    case Action::kHang:
      for (;;) ::pause();
    case Action::kFail:
      return true;
  }
  return true;
}

}  // namespace vm0::os

#endif
