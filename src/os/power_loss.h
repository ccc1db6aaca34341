// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0::os {

// The loss of power, for tests. With VM0_TEST_POWER=<folder> each process keeps an undo journal
// there: before a file or a name changes, what it takes to undo that; and each sync. When all
// processes are dead, test/power_loss.py takes back what was not synced, all of it or some, whole
// or torn (docs/decisions/0011-simulated-power-loss.md). Everything here is called before the
// change that it notes: a process killed in between has noted what did not happen, which is undone
// in vain. Any thread. Errors are those of the journal, and the change must not be made then. Does
// nothing and costs nothing without VM0_TEST_HOOKS.
//
// A journal, <pid>.<random>.journal, is a sequence of entries: a line of JSON, then as many bytes
// as its "bytes" says. An entry that is not whole is the last one of a process that was killed.
//   at      nanoseconds of the machine's monotonic clock, which order the entries of all processes
//   op      create  folder, name
//           remove  folder, name, and kept (a hard link in the folder) or mode (a directory)
//           rename  folder, name, to, file (what moves), kept (what was replaced; perhaps absent)
//           write   file, offset, size; fileSize and the bytes of that range, as they were
//           truncate  file, size; fileSize and the bytes cut off
//           sync    file (or a directory)
//   file and folder are "<device>:<inode>"
#ifdef VM0_TEST_HOOKS

bool PowerLossIsSimulated();
Status NoteCreate(const std::filesystem::path& path);  // nothing if it is there
Status NoteRemove(const std::filesystem::path& path);  // nothing if it is not there
Status NoteRename(const std::filesystem::path& from, const std::filesystem::path& to);
Status NoteWrite(int fd, std::int64_t offset, std::int64_t size);
Status NoteTruncate(int fd, std::int64_t size);
Status NoteSync(int fd);

// The same for who has no descriptor: an SQLite VFS.
std::string DiskId(const struct stat& file);
struct DiskChange {
  std::string file;  // DiskId
  std::int64_t file_size = 0;
  std::int64_t offset = 0;
  std::int64_t size = 0;       // of a write; of a truncation, what stays
  std::string_view old_bytes;  // of the range, as far as the file has it; or what is cut off
};
Status NoteWrite(const DiskChange& change);
Status NoteTruncate(const DiskChange& change);
Status NoteSync(const std::string& file);

#else

inline constexpr bool PowerLossIsSimulated() { return false; }
inline Status NoteCreate(const std::filesystem::path&) { return {}; }
inline Status NoteRemove(const std::filesystem::path&) { return {}; }
inline Status NoteRename(const std::filesystem::path&, const std::filesystem::path&) { return {}; }
inline Status NoteWrite(int, std::int64_t, std::int64_t) { return {}; }
inline Status NoteTruncate(int, std::int64_t) { return {}; }
inline Status NoteSync(int) { return {}; }

#endif

}  // namespace vm0::os
