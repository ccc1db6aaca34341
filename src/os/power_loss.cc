// SPDX-License-Identifier: Apache-2.0
#include "os/power_loss.h"

#ifdef VM0_TEST_HOOKS

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "os/fault.h"
#include "os/fd.h"
#include "os/random.h"

namespace vm0::os {
namespace {

namespace fs = std::filesystem;

// This process's journal; nullptr unless a test wants one.
class UndoJournal {
 public:
  static UndoJournal* Get() {
    static const std::unique_ptr<UndoJournal> journal = Open();
    return journal.get();
  }

  Status Append(json::object entry, std::string_view bytes = {}) {
    const std::lock_guard lock(mutex_);
    last_at_ = std::max(last_at_ + 1, Now());
    entry["at"] = last_at_;
    entry["bytes"] = bytes.size();
    std::string text = ToJson(entry) + "\n";
    text += bytes;
    VM0_TRY(WriteAll(file_.get(), text));
    (void)FaultFails("power.noted");
    return {};
  }

  // The disk that loses power is the one that the journal lies on.
  bool IsOnDisk(const struct stat& file) const { return file.st_dev == device_; }

  // Another name for the file, so that it is not gone once it is removed or replaced.
  Result<std::string> Keep(const fs::path& path) {
    std::string name = "kept-" + HexEncode(RandomBytes(8));
    if (::link(path.c_str(), (folder_ / name).c_str()) == 0) return name;
    return Fail(SystemError("keep", path.native()));
  }

 private:
  UndoJournal(fs::path folder, Fd file) : folder_(std::move(folder)), file_(std::move(file)) {
    struct stat found {};
    if (::fstat(file_.get(), &found) == 0) device_ = found.st_dev;
  }

  static std::unique_ptr<UndoJournal> Open() {
    const char* folder = std::getenv("VM0_TEST_POWER");
    if (folder == nullptr) return nullptr;
    const std::string name =
        std::to_string(::getpid()) + "." + HexEncode(RandomBytes(4)) + ".journal";
    const fs::path path = fs::path(folder) / name;
    Fd file(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
    if (!file.is_open()) {
      // A test that loses nothing must not pass.
      std::perror(path.c_str());
      std::_Exit(99);
    }
    return std::unique_ptr<UndoJournal>(new UndoJournal(folder, std::move(file)));
  }

  static std::int64_t Now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
  }

  const fs::path folder_;
  const Fd file_;
  dev_t device_ = 0;
  std::mutex mutex_;  // guards the entries' order
  std::int64_t last_at_ = 0;
};

// nullopt: nothing is there.
std::optional<struct stat> Look(const fs::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  return found;
}

// The folder that holds it; its own name may be a link, as that of a pinned directory is.
std::optional<struct stat> LookAtFolderOf(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  struct stat found {};
  if (::stat(folder.c_str(), &found) != 0) return std::nullopt;
  return found;
}

json::object NameEntry(std::string_view op, const struct stat& folder, const fs::path& path) {
  return {{"op", op}, {"folder", DiskId(folder)}, {"name", path.filename().native()}};
}

json::object ChangeEntry(std::string_view op, const DiskChange& change) {
  return {{"op", op},
          {"file", change.file},
          {"offset", change.offset},
          {"size", change.size},
          {"fileSize", change.file_size}};
}

Result<std::string> ReadRange(int fd, std::int64_t begin, std::int64_t end) {
  std::string bytes(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)), '\0');
  const ssize_t count = ::pread(fd, bytes.data(), bytes.size(), begin);
  if (count < 0) return Fail(SystemError("read what is overwritten"));
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

// What the journal notes of a descriptor's file; nullopt when that is on another disk.
Result<std::optional<struct stat>> LookAt(const UndoJournal& journal, int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return Fail(SystemError("stat"));
  if (!journal.IsOnDisk(found)) return std::nullopt;
  return found;
}

}  // namespace

bool PowerLossIsSimulated() { return UndoJournal::Get() != nullptr; }

Status NoteCreate(const fs::path& path) {
  UndoJournal* journal = UndoJournal::Get();
  if (journal == nullptr || Look(path)) return {};
  const auto folder = LookAtFolderOf(path);
  // Where there is no folder there will be no file.
  if (!folder || !journal->IsOnDisk(*folder)) return {};
  return journal->Append(NameEntry("create", *folder, path));
}

Status NoteRemove(const fs::path& path) {
  UndoJournal* journal = UndoJournal::Get();
  if (journal == nullptr) return {};
  const auto file = Look(path);
  const auto folder = LookAtFolderOf(path);
  if (!file || !folder || !journal->IsOnDisk(*folder)) return {};
  auto entry = NameEntry("remove", *folder, path);
  if (S_ISDIR(file->st_mode)) {
    entry["mode"] = file->st_mode & 07777;
  } else {
    VM0_ASSIGN(entry["kept"], journal->Keep(path));
  }
  return journal->Append(std::move(entry));
}

Status NoteRename(const fs::path& from, const fs::path& to) {
  UndoJournal* journal = UndoJournal::Get();
  if (journal == nullptr) return {};
  const auto file = Look(from);
  const auto folder = LookAtFolderOf(from);
  if (!file || !folder || !journal->IsOnDisk(*folder)) return {};
  auto entry = NameEntry("rename", *folder, from);
  entry["to"] = to.filename().native();
  entry["file"] = DiskId(*file);
  if (Look(to)) {
    VM0_ASSIGN(entry["kept"], journal->Keep(to));
  }
  return journal->Append(std::move(entry));
}

Status NoteWrite(int fd, std::int64_t offset, std::int64_t size) {
  const UndoJournal* journal = UndoJournal::Get();
  if (journal == nullptr) return {};
  VM0_ASSIGN(const auto file, LookAt(*journal, fd));
  if (!file) return {};
  VM0_ASSIGN(const std::string old,
             ReadRange(fd, offset, std::min<std::int64_t>(offset + size, file->st_size)));
  return NoteWrite({DiskId(*file), file->st_size, offset, size, old});
}

Status NoteTruncate(int fd, std::int64_t size) {
  const UndoJournal* journal = UndoJournal::Get();
  if (journal == nullptr) return {};
  VM0_ASSIGN(const auto file, LookAt(*journal, fd));
  if (!file) return {};
  VM0_ASSIGN(const std::string old, ReadRange(fd, size, file->st_size));
  return NoteTruncate({DiskId(*file), file->st_size, size, size, old});
}

Status NoteSync(int fd) {
  const UndoJournal* journal = UndoJournal::Get();
  if (journal == nullptr) return {};
  VM0_ASSIGN(const auto file, LookAt(*journal, fd));
  return file ? NoteSync(DiskId(*file)) : Status();
}

std::string DiskId(const struct stat& file) {
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
}

Status NoteWrite(const DiskChange& change) {
  return UndoJournal::Get()->Append(ChangeEntry("write", change), change.old_bytes);
}

Status NoteTruncate(const DiskChange& change) {
  return UndoJournal::Get()->Append(ChangeEntry("truncate", change), change.old_bytes);
}

Status NoteSync(const std::string& file) {
  return UndoJournal::Get()->Append({{"op", "sync"}, {"file", file}});
}

}  // namespace vm0::os

#endif
