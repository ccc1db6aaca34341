// SPDX-License-Identifier: Apache-2.0
#include "os/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/text.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/random.h"

namespace vm0::os {
namespace {

constexpr std::size_t kReadStep = 64 << 10;

// "x/y" is in "x", "y" is in ".".
std::filesystem::path DirectoryOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Status WriteNewFile(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  VM0_ASSIGN(const Fd fd, OpenForWriting(path, O_CREAT | O_EXCL));
  if (FaultFails("file.write")) return Fail(SystemErrorOf(ENOSPC, "write", path.native()));
  if (auto written = WriteAt(fd.get(), bytes, 0); !written) {
    return Fail(Code::kIo, path.native() + ": " + written.error().message);
  }
  if (::fchmod(fd.get(), mode) != 0) return Fail(SystemError("chmod", path.native()));
  if (FaultFails("file.sync")) return Fail(SystemErrorOf(EIO, "fsync", path.native()));
  return Sync(fd.get(), path);
}

// True if `path` still names the file that `fd` has open.
bool IsStillThere(int fd, const std::filesystem::path& path) {
  struct stat open_file {};
  struct stat named {};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

Error LockError(const std::filesystem::path& path) {
  const int reason = errno;
  Error error = SystemErrorOf(reason, "lock", path.native());
  if (reason == ENOLCK || reason == EOPNOTSUPP || reason == ENOSYS) {
    error.message += "; this file system has no locks: put --data-dir on a local disk";
  }
  return error;
}

}  // namespace

Result<std::string> ReadFile(const std::filesystem::path& path, std::size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.is_open()) {
    const int reason = errno;
    Error error = SystemErrorOf(reason, "open", path.native());
    if (reason == ENOENT) error.code = Code::kNotFound;
    return Fail(std::move(error));
  }
  // Until the end and not st_size bytes: files in /proc have none, others grow.
  std::string bytes;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kReadStep);
    const ssize_t count = ::read(fd.get(), bytes.data() + size, kReadStep);
    const int reason = errno;
    bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return bytes;
    if (count < 0 && reason != EINTR) return Fail(SystemErrorOf(reason, "read", path.native()));
    if (bytes.size() > limit) {
      return Fail(Code::kPayloadTooLarge,
                  path.native() + ": larger than " + std::to_string(limit) + " bytes");
    }
  }
}

Result<std::string> ReadAll(int fd) {
  std::string bytes;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kReadStep);
    const ssize_t count = ::pread(fd, bytes.data() + size, kReadStep, static_cast<off_t>(size));
    const int reason = errno;
    bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return bytes;
    if (count < 0 && reason != EINTR) return Fail(SystemErrorOf(reason, "read"));
  }
}

Status WriteFileAtomic(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  std::filesystem::path temporary = path;
  temporary += "." + HexEncode(RandomBytes(8)) + ".tmp";
  Status status = WriteNewFile(temporary, bytes, mode);
  if (status && FaultFails("file.rename")) {
    status = Fail(SystemErrorOf(EIO, "rename", path.native()));
  }
  if (status) status = Rename(temporary, path);
  if (!status) {
    (void)Remove(temporary);
    return status;
  }
  return SyncDirectory(DirectoryOf(path));
}

Status MakeDirs(const std::filesystem::path& path, mode_t mode) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    return Fail(SystemErrorOf(ENOTDIR, "mkdir", path.native()));
  }
  // "a/b/" has the parent "a/b", which the recursion makes.
  if (path.has_parent_path() && path.parent_path() != path) {
    VM0_TRY(MakeDirs(path.parent_path(), mode));
  }
  const Status made = MakeDirectory(path, mode);
  if (!made && made.error().code == Code::kConflict) return {};
  if (!made) return made;
  return SyncDirectory(DirectoryOf(path));
}

Status SyncDirectory(const std::filesystem::path& directory) {
  if (FaultFails("file.sync_directory")) {
    return Fail(SystemErrorOf(EIO, "fsync", directory.native()));
  }
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() && errno == EACCES) {
    // One may write to a directory without being allowed to list it.
    ::sync();
    return {};
  }
  if (!fd.is_open()) return Fail(SystemError("open", directory.native()));
  return Sync(fd.get(), directory);
}

Result<std::optional<FileLock>> FileLock::TryAcquire(const std::filesystem::path& path) {
  for (;;) {
    VM0_ASSIGN(Fd fd, OpenForWriting(path, O_CREAT));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return std::nullopt;
      return Fail(LockError(path));
    }
    // The file may have been removed between open and flock; a lock on it would prove nothing.
    if (IsStillThere(fd.get(), path)) return FileLock(std::move(fd));
  }
}

bool FileLock::IsAt(const std::filesystem::path& path) const {
  struct stat ours {};
  struct stat named {};
  if (::stat(path.c_str(), &named) != 0) return errno != ENOENT && errno != ENOTDIR;
  return ::fstat(fd_.get(), &ours) != 0 ||
         (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino);
}

Status FileLock::Describe(std::string_view text) {
  VM0_TRY(Truncate(fd_.get(), 0));
  return WriteAt(fd_.get(), text, 0);
}

}  // namespace vm0::os
