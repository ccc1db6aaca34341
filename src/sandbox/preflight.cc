// SPDX-License-Identifier: Apache-2.0
#include "sandbox/preflight.h"

#include <stdlib.h>
#include <unistd.h>

#include "sandbox/launcher_process.h"

namespace vm0::sandbox {
namespace {

constexpr int kPatienceMs = 10'000;
// No user's of the host, nor a run's: what is left of a preflight is found, and killed, by it.
constexpr uid_t kPreflightUid = 69'999;

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
  std::string path_ = "/tmp/vm0-preflight-" + std::string(6, 'X');  // mkdtemp's pattern
  bool made_ = false;
};

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
