// SPDX-License-Identifier: Apache-2.0
#include "supervisor/disk_count.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace vm0::supervisor {
namespace {

constexpr std::int64_t kBlock = 512;  // the unit of st_blocks
constexpr mode_t kOwnerMayLook = S_IRUSR | S_IXUSR;

// Of a folder that is open as O_PATH.
std::string PathOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// Lets its owner, us, look into a folder; gives the mode that it had when that was changed.
std::optional<mode_t> Unlock(int folder) {
  struct stat entry {};
  if (::geteuid() == 0 || ::fstat(folder, &entry) != 0) return std::nullopt;
  const mode_t mode = entry.st_mode & 07777;
  if ((mode & kOwnerMayLook) == kOwnerMayLook) return std::nullopt;
  if (::chmod(PathOf(folder).c_str(), mode | kOwnerMayLook) != 0) return std::nullopt;
  return mode;
}

}  // namespace

DiskCount::DiskCount(std::vector<std::filesystem::path> folders) : folders_(std::move(folders)) {}

DiskCount::~DiskCount() {
  while (!frames_.empty()) Leave();
}

bool DiskCount::Step(int entries) {
  for (int i = 0; i < entries; ++i) {
    if (!frames_.empty()) {
      DIR* directory = frames_.back().directory.get();
      if (const dirent* entry = ::readdir(directory)) {
        Count(::dirfd(directory), entry->d_name);
      } else {
        Leave();
      }
    } else if (!folders_.empty()) {
      const std::string folder = folders_.back();
      folders_.pop_back();
      struct stat root {};
      if (::lstat(folder.c_str(), &root) != 0) continue;
      device_ = root.st_dev;
      Add(root);
      if (S_ISDIR(root.st_mode)) Enter(AT_FDCWD, folder);
    } else {
      return false;
    }
  }
  return true;
}

void DiskCount::Count(int parent, const char* name) {
  const std::string_view text(name);
  if (text == "." || text == "..") return;
  struct stat entry {};
  if (::fstatat(parent, name, &entry, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return;
  if (entry.st_dev != device_) return;
  Add(entry);
  if (!S_ISDIR(entry.st_mode)) return;
  if (frames_.size() < kDeepestFolder) {
    Enter(parent, name);
  } else {
    use_.too_deep = true;
  }
}

void DiskCount::Add(const struct stat& entry) {
  const auto names = S_ISDIR(entry.st_mode) ? 1 : std::max<std::int64_t>(entry.st_nlink, 1);
  use_.bytes += entry.st_blocks * kBlock / names;
  ++use_.entries;
}

void DiskCount::Enter(int parent, const std::string& name) {
  const os::Fd path(::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!path.is_open()) return;
  Frame frame;
  frame.mode = Unlock(path.get());
  const int fd = ::openat(path.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  frame.directory.reset(fd < 0 ? nullptr : ::fdopendir(fd));
  if (frame.directory) {
    frames_.push_back(std::move(frame));
    return;
  }
  if (frame.mode) ::chmod(PathOf(path.get()).c_str(), *frame.mode);
  if (fd >= 0) ::close(fd);
}

void DiskCount::Leave() {
  const Frame& frame = frames_.back();
  if (frame.mode) ::fchmod(::dirfd(frame.directory.get()), *frame.mode);
  frames_.pop_back();
}

}  // namespace vm0::supervisor
