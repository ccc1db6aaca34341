// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::os {

// The system calls that change files which outlive a process. All such files of ours are changed
// through these (SQLite's through store/sqlite_power_vfs.h), so that a test can take back what was
// not synced, as a loss of power would (os/power_loss.h). Any thread; errors are kIo and name what
// failed. Files that do not exist get the mode 0600.

// Opens for reading and writing; `flags` may add O_CREAT, O_EXCL and O_NOFOLLOW.
Result<Fd> OpenForWriting(const std::filesystem::path& path, int flags);
// All of `bytes`, however many writes it takes.
Status WriteAt(int fd, std::string_view bytes, std::int64_t offset);
Status Truncate(int fd, std::int64_t size);
// Within one directory. What has the new name is replaced.
Status Rename(const std::filesystem::path& from, const std::filesystem::path& to);
// kConflict when something has that name.
Status MakeDirectory(const std::filesystem::path& path, mode_t mode);
// Removes a file or an empty directory; absent is fine.
Status Remove(const std::filesystem::path& path);
// Makes durable what was written to a file, or which names a directory has. `path` is for the
// error.
Status Sync(int fd, const std::filesystem::path& path);

}  // namespace vm0::os
