// SPDX-License-Identifier: Apache-2.0
#include "cli/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/text.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/file.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "vm0.db";
constexpr const char* kSecretKey = "secret.key";
constexpr const char* kMachine = "machine-id";
constexpr const char* kMarker = "restore.ready";
constexpr const char* kStaged = ".restore";
constexpr std::string_view kKept = "before-restore-";
constexpr std::size_t kSmallFile = 4096;
constexpr std::size_t kPiece = 1 << 20;

bool Exists(const fs::path& path) { return ::access(path.c_str(), F_OK) == 0; }

fs::path WithEnd(const fs::path& path, std::string_view end) {
  return path.native() + std::string(end);
}

// Gives the database's bytes of a backup to `sink`, piece by piece.
Result<store::BackupHeader> ReadBackup(const fs::path& file,
                                       const std::function<Status(std::string_view)>& sink) {
  const os::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.is_open()) {
    const int reason = errno;
    Error error = SystemErrorOf(reason, "open", file.native());
    if (reason == ENOENT) error.code = Code::kNotFound;
    return Fail(std::move(error));
  }
  store::BackupCheck check;
  std::string piece(kPiece, '\0');
  for (;;) {
    const ssize_t count = ::read(fd.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(SystemError("read", file.native()));
    if (count == 0) break;
    VM0_ASSIGN(const std::string_view database,
               check.Take(std::string_view(piece).substr(0, static_cast<std::size_t>(count))));
    VM0_TRY(sink(database));
  }
  VM0_TRY(check.Finish());
  return *check.header();
}

// With the file's name.
Error Explain(Error error, const fs::path& file) {
  error.message = file.native() + ": " + error.message;
  return error;
}

// Only what differs from what is there.
Status StageSmallFile(const fs::path& path, const std::string& bytes) {
  const auto now = os::ReadFile(path, kSmallFile);
  if (now && *now == bytes) return {};
  return os::WriteFileAtomic(WithEnd(path, kStaged), bytes);
}

Result<store::BackupHeader> StageDatabase(const fs::path& file, const fs::path& staged) {
  VM0_ASSIGN(const os::Fd fd, os::OpenForWriting(staged, O_CREAT | O_EXCL));
  std::int64_t size = 0;
  const auto write = [&](std::string_view bytes) -> Status {
    const Status written = os::FaultFails("restore.write") ? Fail(SystemErrorOf(ENOSPC, "write"))
                                                           : os::WriteAt(fd.get(), bytes, size);
    if (!written)
      return Fail(Code::kUnavailable, staged.native() + ": " + written.error().message +
                                          "; free some space on its disk");
    size += static_cast<std::int64_t>(bytes.size());
    return {};
  };
  VM0_ASSIGN(store::BackupHeader header, ReadBackup(file, write));
  VM0_TRY(os::Sync(fd.get(), staged));
  return header;
}

// What a restore has staged that was not committed.
Status RemoveStaged(const fs::path& data_dir) {
  for (const char* name : {kDatabase, kSecretKey, kMachine})
    VM0_TRY(os::Remove(WithEnd(data_dir / name, kStaged)));
  return {};
}

std::string ChooseKept(const fs::path& data_dir, WallTime now) {
  std::string time = FormatIsoSeconds(now);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const std::string first = std::string(kKept) + time;
  std::string name = first;
  const auto is_taken = [&] {
    return std::ranges::any_of(std::to_array({kDatabase, kSecretKey, kMachine}), [&](auto file) {
      return Exists(WithEnd(data_dir / file, "." + name));
    });
  };
  for (int number = 2; is_taken(); ++number) name = first + "-" + std::to_string(number);
  return name;
}

Result<Staged> Stage(const fs::path& file, const fs::path& data_dir, WallTime now) {
  const fs::path database = WithEnd(data_dir / kDatabase, kStaged);
  VM0_ASSIGN(const store::BackupHeader header, StageDatabase(file, database));
  VM0_TRY(StageSmallFile(data_dir / kSecretKey, header.secret_key));
  VM0_TRY(StageSmallFile(data_dir / kMachine, header.machine + "\n"));
  Staged staged;
  VM0_ASSIGN(staged.facts, store::InspectDatabase(database.string()));
  staged.kept_as = ChooseKept(data_dir, now);
  VM0_TRY(os::SyncDirectory(data_dir));
  (void)os::FaultFails("restore.staged");
  return staged;
}

Status SetAside(const fs::path& path, const fs::path& kept) {
  return Exists(path) ? os::Rename(path, kept) : Status();
}

// All of these can be done again.
Status SetOldAside(const fs::path& data_dir, const std::string& kept_as) {
  const fs::path database = data_dir / kDatabase;
  const fs::path kept = WithEnd(database, "." + kept_as);
  if (Exists(WithEnd(database, kStaged))) {
    // What was written last may be in the log alone: the two belong together.
    VM0_TRY(SetAside(WithEnd(database, "-wal"), WithEnd(kept, "-wal")));
    VM0_TRY(os::Remove(WithEnd(database, "-shm")));
    VM0_TRY(SetAside(database, kept));
  }
  for (const char* name : {kSecretKey, kMachine}) {
    const fs::path path = data_dir / name;
    if (Exists(WithEnd(path, kStaged))) VM0_TRY(SetAside(path, WithEnd(path, "." + kept_as)));
  }
  return os::SyncDirectory(data_dir);
}

Status PutInPlace(const fs::path& data_dir) {
  for (const char* name : {kSecretKey, kMachine, kDatabase}) {
    const fs::path path = data_dir / name;
    const fs::path staged = WithEnd(path, kStaged);
    if (Exists(staged)) VM0_TRY(os::Rename(staged, path));
  }
  return os::SyncDirectory(data_dir);
}

Result<os::FileLock> LockDatabase(const fs::path& data_dir) {
  const fs::path path = WithEnd(data_dir / kDatabase, ".lock");
  VM0_ASSIGN(auto lock, os::FileLock::TryAcquire(path));
  if (!lock)
    return Fail(Code::kConflict, "another server uses " + (data_dir / kDatabase).string() +
                                     ", with another data directory: stop that one");
  return std::move(*lock);
}

}  // namespace

Result<store::BackupHeader> CheckBackup(const fs::path& file) {
  auto header = ReadBackup(file, [](std::string_view) { return Status(); });
  if (header || header.error().code != Code::kBadRequest) return header;
  return Fail(Explain(std::move(header).error(), file));
}

Status CheckTarget(const store::BackupHeader& header, const fs::path& data_dir) {
  const fs::path key = data_dir / kSecretKey;
  const auto bytes = os::ReadFile(key, kSmallFile);
  if (Exists(data_dir / kDatabase) || (bytes && *bytes == header.secret_key) ||
      (!bytes && bytes.error().code == Code::kNotFound))
    return {};
  return Fail(Code::kConflict,
              key.string() +
                  " belongs to a database that is not here, and the backup has another: "
                  "move that database to " +
                  (data_dir / kDatabase).string() + " (`vm0 serve --store` says where it is), or " +
                  "choose another --data-dir; if it is lost, move the key away");
}

Result<Staged> StageBackup(const fs::path& file, const fs::path& data_dir, WallTime now) {
  auto staged = Stage(file, data_dir, now);
  if (staged) return staged;
  (void)RemoveStaged(data_dir);
  const Code code = staged.error().code;
  const bool is_of_file = code == Code::kBadRequest || code == Code::kConflict;
  return is_of_file ? Fail(Explain(std::move(staged).error(), file))
                    : Fail(std::move(staged).error());
}

Status CommitRestore(const fs::path& data_dir, const Staged& staged) {
  const fs::path marker = data_dir / kMarker;
  const Status committed = os::WriteFileAtomic(marker, staged.kept_as + "\n");
  if (committed) {
    (void)os::FaultFails("restore.ready");
    return {};
  }
  // It may have its name already. What is staged goes last: without the marker it is nothing.
  Status undone = os::Remove(marker);
  if (undone) undone = os::SyncDirectory(data_dir);
  if (undone) undone = RemoveStaged(data_dir);
  return committed;
}

Status FinishRestore(const fs::path& data_dir) {
  const fs::path marker = data_dir / kMarker;
  const auto text = os::ReadFile(marker, kSmallFile);
  if (!text && text.error().code == Code::kNotFound) return RemoveStaged(data_dir);
  if (!text) return Fail(text.error());
  const std::string kept_as(TrimAscii(*text));
  if (!kept_as.starts_with(kKept) || kept_as.find('/') != std::string::npos)
    return Fail(Code::kIo, marker.string() + " is damaged: it names no " + std::string(kKept) +
                               "…; remove it, and restore again");
  VM0_ASSIGN(const os::FileLock lock, LockDatabase(data_dir));
  VM0_TRY(SetOldAside(data_dir, kept_as));
  (void)os::FaultFails("restore.aside");
  VM0_TRY(PutInPlace(data_dir));
  (void)os::FaultFails("restore.placed");
  VM0_TRY(os::Remove(marker));
  return os::SyncDirectory(data_dir);
}

}  // namespace vm0::cli
