// SPDX-License-Identifier: Apache-2.0
#include "os/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <utility>

#include "os/disk.h"

namespace vm0::os {
namespace {

// What a walk does, in the tree's own order: a directory is entered, then left once all in it is
// done.
struct Visitor {
  // Before a directory is read.
  std::function<Status(int directory)> enter = {};
  // Each entry, seen from its directory; directories after what they hold.
  std::function<Status(int directory, const std::string& name, const struct stat& entry)> leave;
};

// Holds one descriptor whatever the depth, and goes up through "..": nobody else moves the tree.
class Walk {
 public:
  Walk(const std::filesystem::path& root, const Visitor& visitor)
      : root_(root), visitor_(visitor) {}

  Status Run(Fd top) {
    VM0_TRY(Descend(std::move(top), ""));
    while (!frames_.empty()) {
      auto& names = frames_.back().names;
      if (names.empty()) {
        VM0_TRY(Ascend());
        continue;
      }
      const std::string name = std::move(names.back());
      names.pop_back();
      VM0_TRY(Visit(name));
    }
    return {};
  }

 private:
  struct Frame {
    std::string name;
    std::vector<std::string> names;  // not visited yet
  };

  Status Visit(const std::string& name) {
    struct stat entry {};
    if (::fstatat(directory_.get(), name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) {
      return Fail(SystemError("look at", Where(name)));
    }
    if (!S_ISDIR(entry.st_mode)) return visitor_.leave(directory_.get(), name, entry);
    // Else it may be closed to us, its owner.
    if (visitor_.enter) {
      VM0_TRY(Prepare(name));
    }
    VM0_ASSIGN(Fd child, OpenDirectory(directory_.get(), name, Where(name)));
    return Descend(std::move(child), name);
  }

  // O_PATH: opening it for reading may need what `enter` is about to change.
  Status Prepare(const std::string& name) {
    const Fd path(
        ::openat(directory_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
    if (!path.is_open()) return Fail(SystemError("open", Where(name)));
    return visitor_.enter(path.get());
  }

  Status Descend(Fd child, std::string name) {
    VM0_ASSIGN(auto names, ListNames(child.get(), Where(name)));
    frames_.push_back({std::move(name), std::move(names)});
    directory_ = std::move(child);
    return {};
  }

  Status Ascend() {
    const std::string name = std::move(frames_.back().name);
    frames_.pop_back();
    if (frames_.empty()) return {};
    Fd parent(::openat(directory_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent.is_open()) return Fail(SystemError("go up from", Where(name)));
    directory_ = std::move(parent);
    struct stat entry {};
    if (::fstatat(directory_.get(), name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) {
      return Fail(SystemError("look at", Where(name)));
    }
    return visitor_.leave(directory_.get(), name, entry);
  }

  std::string Where(const std::string& name) const { return (root_ / "…" / name).string(); }

  const std::filesystem::path& root_;
  const Visitor& visitor_;
  Fd directory_;
  std::vector<Frame> frames_;
};

// nullopt: there is none.
Result<std::optional<struct stat>> FindEntry(const std::filesystem::path& path) {
  struct stat entry {};
  if (::lstat(path.c_str(), &entry) == 0) return entry;
  if (errno == ENOENT) return std::nullopt;
  return Fail(SystemError("look at", path.string()));
}

// fchmod refuses O_PATH descriptors.
Status OpenUp(int directory) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory);
  if (::chmod(path.c_str(), 0700) == 0) return {};
  return Fail(SystemError("change the mode of", path));
}

Status RemoveEntry(int directory, const std::string& name, const struct stat& entry) {
  const int flags = S_ISDIR(entry.st_mode) ? AT_REMOVEDIR : 0;
  if (::unlinkat(directory, name.c_str(), flags) == 0 || errno == ENOENT) return {};
  return Fail(SystemError("remove", name));
}

Status ChownEntry(int directory, const std::string& name, const struct stat& entry,
                  const ChownOptions& options) {
  if (options.stop != nullptr && *options.stop) {
    return Fail(Code::kUnavailable, "the program is stopping");
  }
  if (options.only_from && entry.st_uid != *options.only_from) return {};
  if (::fchownat(directory, name.c_str(), options.uid, options.gid, AT_SYMLINK_NOFOLLOW) == 0) {
    return {};
  }
  return Fail(SystemError("change the owner of", name));
}

}  // namespace

Result<FileId> FindFileId(const std::filesystem::path& path) {
  struct stat entry {};
  if (::stat(path.c_str(), &entry) != 0) return Fail(SystemError("look at", path.string()));
  return FileId{entry.st_dev, entry.st_ino};
}

Result<std::vector<std::string>> ListNames(int directory, const std::string& where) {
  // A description of its own: reading moves a position.
  Fd own(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.is_open()) return Fail(SystemError("read", where));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), &::closedir);
  if (!stream) return Fail(SystemError("read", where));
  (void)own.Release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Fail(SystemError("read", where));
  return names;
}

Result<Fd> OpenDirectory(int parent, const std::string& name, const std::string& where) {
  Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("open", where));
  return fd;
}

Status RemoveTree(const std::filesystem::path& path) {
  VM0_ASSIGN(const auto entry, FindEntry(path));
  if (!entry) return {};
  if (S_ISDIR(entry->st_mode)) {
    const Visitor remove{.enter = OpenUp, .leave = RemoveEntry};
    if (::chmod(path.c_str(), 0700) != 0) {
      return Fail(SystemError("change the mode of", path.string()));
    }
    VM0_ASSIGN(Fd top, OpenDirectory(AT_FDCWD, path.string(), path.string()));
    VM0_TRY(Walk(path, remove).Run(std::move(top)));
  }
  return Remove(path);
}

Status ChownTree(const std::filesystem::path& path, const ChownOptions& options) {
  VM0_ASSIGN(const auto entry, FindEntry(path));
  if (!entry) return {};
  if (S_ISDIR(entry->st_mode)) {
    const Visitor give{
        .leave = [&options](int directory, const std::string& name, const struct stat& found) {
          return ChownEntry(directory, name, found, options);
        }};
    VM0_ASSIGN(Fd top, OpenDirectory(AT_FDCWD, path.string(), path.string()));
    VM0_TRY(Walk(path, give).Run(std::move(top)));
  }
  return ChownEntry(AT_FDCWD, path.string(), *entry, options);
}

}  // namespace vm0::os
