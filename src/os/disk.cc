// SPDX-License-Identifier: Apache-2.0
#include "os/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "os/power_loss.h"

namespace vm0::os {

Result<Fd> OpenForWriting(const std::filesystem::path& path, int flags) {
  if ((flags & O_CREAT) != 0) VM0_TRY(NoteCreate(path));
  Fd fd(::open(path.c_str(), flags | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.is_open()) return Fail(SystemError("open", path.native()));
  return fd;
}

Status WriteAt(int fd, std::string_view bytes, std::int64_t offset) {
  VM0_TRY(NoteWrite(fd, offset, static_cast<std::int64_t>(bytes.size())));
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(SystemError("write"));
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += count;
  }
  return {};
}

Status Truncate(int fd, std::int64_t size) {
  VM0_TRY(NoteTruncate(fd, size));
  if (::ftruncate(fd, size) != 0) return Fail(SystemError("truncate"));
  return {};
}

Status Rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  VM0_TRY(NoteRename(from, to));
  if (::rename(from.c_str(), to.c_str()) != 0) return Fail(SystemError("rename", to.native()));
  return {};
}

Status MakeDirectory(const std::filesystem::path& path, mode_t mode) {
  VM0_TRY(NoteCreate(path));
  if (::mkdir(path.c_str(), mode) == 0) return {};
  const int reason = errno;
  Error error = SystemErrorOf(reason, "mkdir", path.native());
  if (reason == EEXIST) error.code = Code::kConflict;
  return Fail(std::move(error));
}

Status Remove(const std::filesystem::path& path) {
  VM0_TRY(NoteRemove(path));
  if (std::remove(path.c_str()) != 0 && errno != ENOENT) {
    return Fail(SystemError("remove", path.native()));
  }
  return {};
}

Status Sync(int fd, const std::filesystem::path& path) {
  VM0_TRY(NoteSync(fd));
  // A simulated disk keeps what it was told to, and need not be waited for.
  if (PowerLossIsSimulated()) return {};
  if (::fsync(fd) != 0) return Fail(SystemError("fsync", path.native()));
  return {};
}

}  // namespace vm0::os
