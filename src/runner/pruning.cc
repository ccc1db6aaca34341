// SPDX-License-Identifier: Apache-2.0
#include "runner/pruning.h"

#include <unistd.h>

#include "os/disk.h"
#include "os/file.h"
#include "os/file_tree.h"
#include "runner/run_files.h"
#include "supervisor/disk_count.h"

namespace vm0::runner {
namespace {

constexpr int kEntriesAtOnce = 1000;

bool Exists(const std::filesystem::path& path) { return ::access(path.c_str(), F_OK) == 0; }

std::int64_t CountBytes(const supervisor::RunDir& dir) {
  supervisor::DiskCount count({dir.workspace(), dir.home()});
  while (count.Step(kEntriesAtOnce)) {
  }
  std::error_code no_log;
  const auto log = std::filesystem::file_size(dir.log(), no_log);
  return count.use().bytes + (no_log ? 0 : static_cast<std::int64_t>(log));
}

Status Remove(const supervisor::RunDir& dir) {
  for (const auto& path : {dir.workspace(), dir.home()}) VM0_TRY(os::RemoveTree(path));
  for (const auto& path : {dir.log(), dir.elapsed(), dir.token()}) VM0_TRY(os::Remove(path));
  return os::SyncDirectory(dir.path());
}

// Where no agent has run there is nothing to be kept in mind. Something unknown keeps it.
Status RemoveUnstarted(const supervisor::RunDir& dir) {
  VM0_TRY(os::Remove(dir.lock()));
  if (!os::Remove(dir.path())) return {};
  return os::SyncDirectory(dir.path().parent_path());
}

}  // namespace

Result<std::optional<std::int64_t>> PruneRunDir(const supervisor::RunDir& dir, Pruning what) {
  if (!Exists(dir.path())) return 0;
  std::optional<os::FileLock> lock;
  if (what == Pruning::kRemove || Exists(dir.lock())) {
    VM0_ASSIGN(lock, os::FileLock::TryAcquire(dir.lock()));
    if (!lock) return std::nullopt;
  }
  if (HasSpec(dir) || IsUntidy(dir) || Exists(dir.spool())) return std::nullopt;
  const std::int64_t bytes = CountBytes(dir);
  if (what == Pruning::kOnlyCount) return bytes;
  VM0_TRY(Remove(dir));
  if (!Exists(dir.started())) VM0_TRY(RemoveUnstarted(dir));
  return bytes;
}

}  // namespace vm0::runner
