// SPDX-License-Identifier: Apache-2.0
#include "sandbox/preflight.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/text.h"
#include "sandbox/control_group.h"
#include "sandbox/launcher_process.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMs = 10'000;
// No user's of the host, nor a run's: what is left of a preflight is found, and killed, by it.
constexpr uid_t kPreflightUid = 69'999;

// What a preflight makes is named after it: /tmp/vm0-preflight-<pid>-XXXXXX, and groups.
constexpr std::string_view kParent = "/tmp";
constexpr std::string_view kNamePrefix = "vm0-preflight-";

// A folder for one preflight.
class ScratchFolder {
 public:
  ScratchFolder() {
    if (::mkdtemp(path_.data()) != nullptr) made_ = true;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (made_) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  bool made() const { return made_; }
  const std::string& path() const { return path_; }

 private:
  // mkdtemp's pattern
  std::string path_ = std::string(kParent) + "/" + std::string(kNamePrefix) +
                      std::to_string(::getpid()) + "-" + std::string(6, 'X');
  bool made_ = false;
};

// Whether it is the folder of a preflight of ours whose process is dead.
bool IsLeft(const fs::path& path) {
  const std::string name = path.filename();
  if (!name.starts_with(kNamePrefix)) return false;
  const std::string_view rest = std::string_view(name).substr(kNamePrefix.size());
  const auto pid = ParseInt(rest.substr(0, rest.find('-')));
  if (!pid || *pid < 1 || ::kill(static_cast<pid_t>(*pid), 0) == 0 || errno != ESRCH) return false;
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) return false;
  return found.st_uid == ::geteuid() || (::geteuid() == 0 && found.st_uid == kPreflightUid);
}

// Of preflights whose process was killed.
void RemoveLeftovers() {
  std::error_code error;
  for (fs::directory_iterator entry(kParent, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!IsLeft(entry->path())) continue;
    std::error_code ignored;
    RemoveGroup(GroupName(entry->path().filename()));
    fs::remove_all(entry->path(), ignored);
  }
}

Status RunTrue(const Driver& driver, const BoxSpec& spec) {
  VM0_ASSIGN(const auto box, driver.Start(spec));
  if (!AwaitReadable(box->exit_fd(), kPatienceMs)) {
    return Fail(Code::kSandboxUnavailable, "/bin/true did not end within 10 s");
  }
  VM0_ASSIGN(const os::ExitStatus end, box->Finish());
  if (end.shell_code() == 0) return {};
  return Fail(Code::kSandboxUnavailable,
              "/bin/true failed with exit code " + std::to_string(end.shell_code()));
}

}  // namespace

Status TryOut(const Driver& driver, Network network) {
  RemoveLeftovers();
  const ScratchFolder folder;
  if (!folder.made()) return Fail(SystemError("make", folder.path()));
  BoxSpec spec;
  spec.name = std::filesystem::path(folder.path()).filename();
  spec.argv = {"/bin/true"};
  spec.home = spec.workspace = spec.tmp = folder.path();
  spec.network = network;
  if (::geteuid() == 0) spec.run_uid = kPreflightUid;
  if (spec.run_uid && ::chown(folder.path().c_str(), *spec.run_uid, *spec.run_uid) != 0) {
    return Fail(SystemError("chown", folder.path()));
  }
  const Status status = RunTrue(driver, spec);
  if (status) return {};
  const std::string prefix = "sandbox " + std::string(driver.name()) + ": ";
  const std::string& message = status.error().message;
  return Fail(Code::kSandboxUnavailable, message.starts_with(prefix) ? message : prefix + message);
}

}  // namespace vm0::sandbox
