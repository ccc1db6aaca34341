// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_power_vfs.h"

#ifdef VM0_TEST_HOOKS

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <new>
#include <string>

#include "os/fault.h"
#include "os/power_loss.h"

namespace vm0::store {
namespace {

constexpr int kDurable =
    SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
// With the first sync of one that it made, SQLite's VFS syncs the folder, too.
constexpr int kSyncedWithFolder =
    SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;

sqlite3_vfs* Below(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

std::string IdOf(const std::filesystem::path& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? os::DiskId(found) : "";
}

// SQLite allocates it; behind it lies the file of the VFS below.
struct File {
  sqlite3_file base;
  std::string id;
  std::filesystem::path unsynced_folder;  // that its name is to be synced in; empty when it is

  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *below()->pMethods; }
};

File& Of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

// What the range holds before it is overwritten or cut off.
int ReadOld(File& file, os::DiskChange& change, std::int64_t end, std::string& old) {
  sqlite3_int64 file_size = 0;
  if (const int got = file.methods().xFileSize(file.below(), &file_size); got != SQLITE_OK)
    return got;
  change.file = file.id;
  change.file_size = file_size;
  old.resize(static_cast<std::size_t>(
      std::max<std::int64_t>(std::min<std::int64_t>(end, file_size) - change.offset, 0)));
  change.old_bytes = old;
  if (old.empty()) return SQLITE_OK;
  return file.methods().xRead(file.below(), old.data(), static_cast<int>(old.size()),
                              change.offset);
}

int Write(sqlite3_file* base, const void* bytes, int size, sqlite3_int64 offset) {
  File& file = Of(base);
  os::DiskChange change{.file = {}, .offset = offset, .size = size, .old_bytes = {}};
  std::string old;
  if (const int got = ReadOld(file, change, offset + size, old); got != SQLITE_OK) return got;
  if (!os::NoteWrite(change)) return SQLITE_IOERR_WRITE;
  return file.methods().xWrite(file.below(), bytes, size, offset);
}

int Truncate(sqlite3_file* base, sqlite3_int64 size) {
  File& file = Of(base);
  os::DiskChange change{.file = {}, .offset = size, .size = size, .old_bytes = {}};
  std::string old;
  if (const int got = ReadOld(file, change, INT64_MAX, old); got != SQLITE_OK) return got;
  if (!os::NoteTruncate(change)) return SQLITE_IOERR_TRUNCATE;
  return file.methods().xTruncate(file.below(), size);
}

int Sync(sqlite3_file* base, int) {
  File& file = Of(base);
  if (os::FaultFails("store.sync") || !os::NoteSync(file.id)) return SQLITE_IOERR_FSYNC;
  if (file.unsynced_folder.empty()) return SQLITE_OK;
  if (!os::NoteSync(IdOf(file.unsynced_folder))) return SQLITE_IOERR_DIR_FSYNC;
  file.unsynced_folder.clear();
  return SQLITE_OK;
}

int Close(sqlite3_file* base) {
  File& file = Of(base);
  const int closed = file.methods().xClose(file.below());
  std::destroy_at(&file.id);
  std::destroy_at(&file.unsynced_folder);
  return closed;
}

// The others only go on to the VFS below.
template <auto Method, class... Arguments>
int Pass(sqlite3_file* base, Arguments... arguments) {
  return (Of(base).methods().*Method)(Of(base).below(), arguments...);
}

void ShmBarrier(sqlite3_file* base) { Of(base).methods().xShmBarrier(Of(base).below()); }

using Methods = sqlite3_io_methods;
constexpr Methods kMethods = {
    .iVersion = 2,  // without memory-mapped reads
    .xClose = Close,
    .xRead = Pass<&Methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = Pass<&Methods::xFileSize, sqlite3_int64*>,
    .xLock = Pass<&Methods::xLock, int>,
    .xUnlock = Pass<&Methods::xUnlock, int>,
    .xCheckReservedLock = Pass<&Methods::xCheckReservedLock, int*>,
    .xFileControl = Pass<&Methods::xFileControl, int, void*>,
    .xSectorSize = Pass<&Methods::xSectorSize>,
    .xDeviceCharacteristics = Pass<&Methods::xDeviceCharacteristics>,
    .xShmMap = Pass<&Methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = Pass<&Methods::xShmLock, int, int, int>,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = Pass<&Methods::xShmUnmap, int>,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int Open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* base, int flags, int* out_flags) {
  // Temporary files are gone after a loss of power whatever was synced.
  if (name == nullptr || (flags & kDurable) == 0)
    return Below(vfs)->xOpen(Below(vfs), name, base, flags, out_flags);
  base->pMethods = nullptr;
  File& file = Of(base);
  const bool may_create = (flags & SQLITE_OPEN_CREATE) != 0;
  if (may_create && !os::NoteCreate(name)) return SQLITE_CANTOPEN;
  const int opened = Below(vfs)->xOpen(Below(vfs), name, file.below(), flags, out_flags);
  if (opened != SQLITE_OK) return opened;
  const bool with_folder = may_create && (flags & kSyncedWithFolder) != 0;
  std::construct_at(&file.id, IdOf(name));
  std::construct_at(&file.unsynced_folder,
                    with_folder ? std::filesystem::path(name).parent_path() : "");
  base->pMethods = &kMethods;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  if (!os::NoteRemove(name)) return SQLITE_IOERR_DELETE;
  const int removed = Below(vfs)->xDelete(Below(vfs), name, 0);
  if (removed != SQLITE_OK || sync_folder == 0) return removed;
  const auto noted = os::NoteSync(IdOf(std::filesystem::path(name).parent_path()));
  return noted ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

}  // namespace

const char* SqliteVfs() {
  if (!os::PowerLossIsSimulated()) return nullptr;
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
    // All that concerns no file that is open: as below, which does not look at what it is called
    // on.
    sqlite3_vfs over = *below;
    over.szOsFile = static_cast<int>(sizeof(File)) + below->szOsFile;
    over.zName = "vm0-power-loss";
    over.pNext = nullptr;
    over.pAppData = below;
    over.xOpen = Open;
    over.xDelete = Delete;
    return over;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  return registered == SQLITE_OK ? vfs.zName : nullptr;
}

}  // namespace vm0::store

#endif
