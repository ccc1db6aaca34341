// SPDX-License-Identifier: Apache-2.0
#include "runner/run_uids.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/text.h"
#include "os/disk.h"
#include "os/file.h"
#include "sandbox/sandbox.h"

namespace vm0::runner {

std::optional<uid_t> ReadRunUid(const supervisor::RunDir& dir) {
  return dir.ReadUid().value_or(std::nullopt);
}

Result<uid_t> RunUids::Take(const supervisor::RunDir& dir) {
  VM0_ASSIGN(const os::Fd lock, Lock());
  for (uid_t tried = first_; tried <= last_; ++tried) {
    const uid_t uid = next_;
    next_ = uid == last_ ? first_ : uid + 1;
    if (!HolderOf(uid).empty() || sandbox::HasProcesses(uid)) continue;
    VM0_TRY(os::WriteFileAtomic(dir.uid(), std::to_string(uid) + "\n"));
    VM0_TRY(os::WriteFileAtomic(FileOf(uid), dir.path().string()));
    return uid;
  }
  return Fail(Code::kUnavailable, "all run uids, " + std::to_string(first_) + " to " +
                                      std::to_string(last_) +
                                      ", are in use: wait for runs to end, or allow more uids");
}

Result<bool> RunUids::Owns(const supervisor::RunDir& dir, uid_t uid) {
  VM0_ASSIGN(const os::Fd lock, Lock());
  const auto holder = HolderOf(uid);
  if (!holder.empty()) return holder == dir.path();
  VM0_TRY(os::WriteFileAtomic(FileOf(uid), dir.path().string()));
  return true;
}

void RunUids::Free(uid_t uid) {
  const auto lock = Lock();
  // Without a note the claim does not count, whether the file goes or stays.
  if (lock && HolderOf(uid).empty()) (void)os::Remove(FileOf(uid));
}

std::filesystem::path RunUids::HolderOf(uid_t uid) const {
  const auto path = os::ReadFile(FileOf(uid), 8192);
  if (!path || path->empty()) return {};
  const supervisor::RunDir holder{std::filesystem::path(*path)};
  return ReadRunUid(holder) == uid ? holder.path() : std::filesystem::path();
}

Result<os::Fd> RunUids::Lock() const {
  VM0_TRY(os::MakeDirs(registry_));
  const std::string path = (registry_ / "lock").string();
  os::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) return Fail(SystemError("open", path));
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Fail(SystemError("lock", path));
  }
  return fd;
}

}  // namespace vm0::runner
