// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::os {

// Files hold secrets by default: modes are 0600 and 0700 unless said otherwise.

// The whole file; kNotFound when there is none, kIo for everything else, kPayloadTooLarge above
// `limit` bytes.
Result<std::string> ReadFile(const std::filesystem::path& path, std::size_t limit = 64 << 20);
// The whole of an open file from its start, by pread.
Result<std::string> ReadAll(int fd);
// Temporary file, write, fsync, rename, fsync of the directory: after a crash the file is the old
// one or the new one, whole.
Status WriteFileAtomic(const std::filesystem::path& path, std::string_view bytes,
                       mode_t mode = 0600);
// The directory and those above it that are missing, `mode` for the ones it makes, whose names are
// durable then.
Status MakeDirs(const std::filesystem::path& path, mode_t mode = 0700);
// Makes a rename or a new file in `directory` durable.
Status SyncDirectory(const std::filesystem::path& directory);

// An exclusive flock(2) on a file, held until destroyed or until the process dies. A free lock
// proves that its holder is dead (docs/protocol.md 1).
class FileLock {
 public:
  // The lock; nullopt when somebody else holds it. Makes the file (0600) when it is missing. kIo
  // with a remedy in the message where the file system refuses flock.
  static Result<std::optional<FileLock>> TryAcquire(const std::filesystem::path& path);
  // Replaces the file's content: who holds the lock. A hint, never proof.
  Status Describe(std::string_view text);
  // False when `path` names another file than the one that is locked, or none: it proves nothing.
  bool IsAt(const std::filesystem::path& path) const;
  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace vm0::os
