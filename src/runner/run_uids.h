// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "os/fd.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// The uid that a run's directory is given to (runs/<id>/uid: the number and '\n'); nullopt when
// there is none or it is no number.
std::optional<uid_t> ReadRunUid(const supervisor::RunDir& dir);

// Which uid each run of a runner with uid 0 works under. All runners of a machine share a registry,
// a folder that is empty after a reboot: the file <uid> there names the directory of the run that
// has it. A claim counts as long as that directory notes the uid. So no two runs of a machine, of
// whatever data directory, have the same one, and none is lost with a runner that is killed. Loop
// thread only; blocks for a few file operations.
class RunUids {
 public:
  RunUids(uid_t first, uid_t last, std::filesystem::path registry)
      : first_(first), last_(last), next_(first), registry_(std::move(registry)) {}

  // One that no run has and that no process runs under, noted in the run's directory. Each in turn,
  // so that those which are taken already are not looked at for every run. kUnavailable when there
  // is none.
  Result<uid_t> Take(const supervisor::RunDir& dir);
  // Whether the uid that the directory notes is its own: false when another run has it meanwhile,
  // which only a reboot makes possible. What runs under it is then not ours to kill.
  Result<bool> Owns(const supervisor::RunDir& dir, uid_t uid);
  // The run's directory does not note it any more.
  void Free(uid_t uid);

 private:
  std::filesystem::path FileOf(uid_t uid) const { return registry_ / std::to_string(uid); }
  // The directory that has a claim that counts; empty if nobody has.
  std::filesystem::path HolderOf(uid_t uid) const;
  Result<os::Fd> Lock() const;

  const uid_t first_;
  const uid_t last_;
  uid_t next_;  // where Take begins
  const std::filesystem::path registry_;
};

}  // namespace vm0::runner
