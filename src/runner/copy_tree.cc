// SPDX-License-Identifier: Apache-2.0
#include "runner/copy_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "agent/limits.h"

namespace vm0::runner {
namespace {

constexpr int kMaxDepth = 200;  // each level holds two descriptors
constexpr std::size_t kPiece = 8 << 20;
constexpr mode_t kPermissions = 0777;
constexpr std::int64_t kBlock = 512;  // of st_blocks

Error At(std::string_view operation, const std::filesystem::path& path) {
  const int reason = errno;
  Error error = SystemErrorOf(reason, operation, path.string());
  if (reason == ENOENT) error.code = Code::kNotFound;
  return error;
}

// A directory of the source and the one that it becomes.
struct Pair {
  os::Fd from;
  os::Fd to;
  std::filesystem::path path;  // of the source, for messages
  int depth = 0;
};

class TreeCopy {
 public:
  TreeCopy(const CopyOptions& options, os::FileId copy) : options_(options), copy_(copy) {}

  Status CopyDirectory(const Pair& pair) {
    VM0_ASSIGN(const auto names, os::ListNames(pair.from.get(), pair.path.string()));
    for (const std::string& name : names) {
      if (options_.stop != nullptr && *options_.stop) {
        return Fail(Code::kUnavailable, "the runner is stopping");
      }
      VM0_TRY(CopyEntry(pair, name));
    }
    return {};
  }

  // Permissions come last: the directory may be read-only.
  static Status Finish(int to, const struct stat& source, const std::filesystem::path& path) {
    const std::array<timespec, 2> times = {source.st_atim, source.st_mtim};
    if (::fchmod(to, source.st_mode & kPermissions) != 0 || ::futimens(to, times.data()) != 0) {
      return Fail(At("set mode and time of the copy of", path));
    }
    return {};
  }

 private:
  Status CopyEntry(const Pair& pair, const std::string& name) {
    const auto path = pair.path / name;
    struct stat entry {};
    if (::fstatat(pair.from.get(), name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) {
      // Somebody works in the folder: what went away meanwhile is no error.
      return errno == ENOENT ? Status() : Fail(At("look at", path));
    }
    VM0_TRY(CountEntry());
    if (S_ISDIR(entry.st_mode)) return CopySubdirectory(pair, name, entry);
    if (S_ISLNK(entry.st_mode)) return CopyLink(pair, name, entry);
    if (S_ISREG(entry.st_mode)) return CopyFile(pair, name);
    return {};
  }

  Status CopySubdirectory(const Pair& pair, const std::string& name, const struct stat& entry) {
    const os::FileId id{entry.st_dev, entry.st_ino};
    if (id == options_.left_out || id == copy_) return {};
    Pair inner{.from = {}, .to = {}, .path = pair.path / name, .depth = pair.depth + 1};
    if (inner.depth > kMaxDepth) {
      return Fail(Code::kIo, "copy " + inner.path.string() + ": nested too deep");
    }
    VM0_ASSIGN(inner.from, os::OpenDirectory(pair.from.get(), name, inner.path.string()));
    if (::mkdirat(pair.to.get(), name.c_str(), 0700) != 0) {
      return Fail(At("make the copy of", inner.path));
    }
    VM0_ASSIGN(inner.to, os::OpenDirectory(pair.to.get(), name, inner.path.string()));
    VM0_TRY(CopyDirectory(inner));
    return Finish(inner.to.get(), entry, inner.path);
  }

  static Status CopyLink(const Pair& pair, const std::string& name, const struct stat& entry) {
    std::string target(entry.st_size > 0 ? entry.st_size + 1 : 4096, '\0');
    const ssize_t size = ::readlinkat(pair.from.get(), name.c_str(), target.data(), target.size());
    if (size < 0) return Fail(At("read the link", pair.path / name));
    target.resize(static_cast<std::size_t>(size));
    if (::symlinkat(target.c_str(), pair.to.get(), name.c_str()) == 0) return {};
    return Fail(At("make the copy of", pair.path / name));
  }

  Status CopyFile(const Pair& pair, const std::string& name) {
    const auto path = pair.path / name;
    // Not blocking: it may have become a pipe since.
    const os::Fd from(
        ::openat(pair.from.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!from.is_open()) return errno == ENOENT ? Status() : Fail(At("open", path));
    struct stat source {};
    if (::fstat(from.get(), &source) != 0) return Fail(At("look at", path));
    if (!S_ISREG(source.st_mode)) return {};
    const os::Fd to(::openat(pair.to.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to.is_open()) return Fail(At("make the copy of", path));
    if (::ioctl(to.get(), FICLONE, from.get()) == 0) {
      VM0_TRY(CountBytes(source.st_blocks * kBlock));
    } else {
      VM0_TRY(CopyBytes(from.get(), to.get(), path));
    }
    return Finish(to.get(), source, path);
  }

  Status CopyBytes(int from, int to, const std::filesystem::path& path) {
    for (bool first = true;; first = false) {
      if (options_.stop != nullptr && *options_.stop) {
        return Fail(Code::kUnavailable, "the runner is stopping");
      }
      errno = 0;
      const ssize_t count = ::copy_file_range(from, nullptr, to, nullptr, kPiece, 0);
      // Some file systems say 0 for files whose size they do not know.
      if (first && count <= 0 && errno != ENOSPC) return CopyByReading(from, to, path);
      if (count < 0) return Fail(At("copy", path));
      if (count == 0) return {};
      VM0_TRY(CountBytes(count));
    }
  }

  Status CopyByReading(int from, int to, const std::filesystem::path& path) {
    std::string buffer(256 << 10, '\0');
    for (;;) {
      const ssize_t count = ::read(from, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Fail(At("read", path));
      if (count == 0) return {};
      VM0_TRY(CountBytes(count));
      const auto written = os::WriteAll(to, {buffer.data(), static_cast<std::size_t>(count)});
      if (!written) {
        return Fail(written.error().code, "copy " + path.string() + ": " + written.error().message);
      }
    }
  }

  // One file or folder more.
  Status CountEntry() {
    if (++entries_ <= options_.limit_files.value_or(entries_)) return {};
    return Fail(Code::kBadRequest, "it has more than the run's limit of " +
                                       std::to_string(*options_.limit_files) +
                                       " files and folders: give it more with limits.files, or "
                                       "give a smaller folder, or the folder itself (:ro, :rw)");
  }
  Status CountBytes(std::int64_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= options_.limit_bytes.value_or(bytes_)) return {};
    return Fail(Code::kBadRequest, "it takes more than the run's disk limit of " +
                                       agent::FormatLimit(*options_.limit_bytes) +
                                       ": give it more with limits.disk, or give a smaller "
                                       "folder, or the folder itself (:ro, :rw)");
  }

  const CopyOptions& options_;
  const os::FileId copy_;
  std::int64_t bytes_ = 0;
  std::int64_t entries_ = 0;
};

}  // namespace

Status CopyTree(const std::filesystem::path& from, const std::filesystem::path& to,
                const CopyOptions& options) {
  Pair top{.from = {}, .to = {}, .path = from};
  // The folder itself may be named through a link.
  top.from = os::Fd(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top.from.is_open()) return Fail(At("open", from));
  struct stat source {};
  if (::fstat(top.from.get(), &source) != 0) return Fail(At("look at", from));
  if (::mkdir(to.c_str(), 0700) != 0) return Fail(At("make", to));
  VM0_ASSIGN(top.to, os::OpenDirectory(AT_FDCWD, to.string(), to.string()));
  VM0_ASSIGN(const os::FileId copy, os::FindFileId(to));
  VM0_TRY(TreeCopy(options, copy).CopyDirectory(top));
  source.st_mode |= 0700;  // a workspace is for working
  return TreeCopy::Finish(top.to.get(), source, from);
}

}  // namespace vm0::runner
