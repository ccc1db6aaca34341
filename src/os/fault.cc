// SPDX-License-Identifier: Apache-2.0
#include "os/fault.h"

#ifdef VM0_TEST_HOOKS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"

namespace vm0::os {
namespace {

enum class Action { kCrash, kFail, kHang, kStop };

struct Fault {
  Action action = Action::kFail;
  std::int64_t only_at = 0;  // 0: every time
  std::int64_t passes = 0;
};

[[noreturn]] void RefuseSpec(std::string_view spec) {
  // A test with a mistyped fault must not pass.
  std::fprintf(stderr, "VM0_FAULT: \"%.*s\" is not point:crash|fail|hang|stop[@n]\n",
               static_cast<int>(spec.size()), spec.data());
  std::_Exit(99);
}

Action ParseAction(std::string_view name, std::string_view spec) {
  if (name == "crash") return Action::kCrash;
  if (name == "fail") return Action::kFail;
  if (name == "hang") return Action::kHang;
  if (name == "stop") return Action::kStop;
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

// Whether this pass is the one that the fault waits for.
bool IsDue(Fault& fault) {
  ++fault.passes;
  return fault.only_at == 0 || fault.passes == fault.only_at;
}

// The faults of VM0_FAULT.
class FixedFaults {
 public:
  std::optional<Action> Pass(std::string_view point) {
    const auto found = faults_.find(point);
    if (found == faults_.end() || !IsDue(found->second) || !MayFire()) return std::nullopt;
    return found->second.action;
  }

 private:
  std::map<std::string, Fault, std::less<>> faults_ = ParseEnvironment();
};

// The fault of VM0_FAULT_FILE. What another process makes of the file meanwhile does not matter:
// the one whose rename works has the fault.
class ArmedFault {
 public:
  std::optional<Action> Pass(std::string_view point) {
    if (path_ == nullptr) return std::nullopt;
    const std::string text = Read();
    if (text.empty()) return std::nullopt;
    if (text != known_) {
      known_ = text;
      fault_ = ParseFault(std::string_view(text).substr(0, text.find(' ')));
    }
    if (fault_.first != point || !IsDue(fault_.second)) return std::nullopt;
    const std::string fired = path_ + ("." + std::to_string(::getpid()));
    if (::rename(path_, fired.c_str()) != 0) return std::nullopt;
    return fault_.second.action;
  }

 private:
  std::string Read() const {
    const int fd = ::open(path_, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "";
    std::array<char, 256> text{};
    const ssize_t size = ::read(fd, text.data(), text.size());
    ::close(fd);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

  const char* path_ = std::getenv("VM0_FAULT_FILE");
  std::string known_;
  std::pair<std::string, Fault> fault_;
};

// The action to take now.
std::optional<Action> Pass(std::string_view point) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  static FixedFaults fixed;
  static ArmedFault armed;
  const auto action = fixed.Pass(point);
  return action ? action : armed.Pass(point);
}

}  // namespace

bool FaultFails(std::string_view point) {
  const auto action = Pass(point);
  if (!action) return false;
  switch (*action) {
    case Action::kCrash:
      ::kill(::getpid(), SIGKILL);
      for (;;) ::pause();  // until the signal is delivered
    case Action::kHang:
      for (;;) ::pause();
    case Action::kStop:
      ::raise(SIGSTOP);  // to this thread, so that it has stopped when the call returns
      return false;
    case Action::kFail:
      return true;
  }
  return true;
}

}  // namespace vm0::os

#endif
