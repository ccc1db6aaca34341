// SPDX-License-Identifier: Apache-2.0
#include "archive/pack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "archive/entry.h"
#include "archive/gzip_writer.h"

namespace vm0::archive {
namespace {

constexpr int kMaxDepth = 200;  // each level holds a descriptor
constexpr std::size_t kPiece = 256 << 10;
constexpr mode_t kPermissions = 0777;

Error At(std::string_view operation, const std::filesystem::path& path) {
  return SystemError(operation, path.string());
}

// A folder that is being packed.
struct Folder {
  os::Fd fd;
  std::filesystem::path path;  // for messages
  std::string inside;          // its name in the archive, with a slash, empty for the top
  int depth = 0;
};

class Packing {
 public:
  Packing(const PackOptions& options, os::Fd file, os::FileId archive)
      : options_(options),
        archive_(archive),
        meter_(options.limits),
        writer_(std::move(file)),
        buffer_(kPiece, '\0') {}

  Status PackFolder(const Folder& folder) {
    VM0_ASSIGN(auto names, os::ListNames(folder.fd.get(), folder.path.string()));
    std::ranges::sort(names);
    for (const std::string& name : names) VM0_TRY(PackName(folder, name));
    return {};
  }

  Status Finish() {
    VM0_TRY(writer_.Write(std::string(2 * kBlock, '\0')));
    return writer_.Finish();
  }

 private:
  Status PackName(const Folder& folder, const std::string& name) {
    struct stat found {};
    if (::fstatat(folder.fd.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? Status() : Fail(At("look at", folder.path / name));
    }
    VM0_TRY(meter_.CountFile());
    if (S_ISDIR(found.st_mode)) return PackSubfolder(folder, name, found);
    if (S_ISLNK(found.st_mode)) return PackLink(folder, name, found);
    if (S_ISREG(found.st_mode)) return PackFile(folder, name);
    return {};
  }

  Status PackSubfolder(const Folder& folder, const std::string& name, const struct stat& found) {
    if (os::FileId{found.st_dev, found.st_ino} == options_.left_out) return {};
    Folder inner{.fd = {},
                 .path = folder.path / name,
                 .inside = folder.inside + name + "/",
                 .depth = folder.depth + 1};
    if (inner.depth > kMaxDepth) {
      return Fail(Code::kIo, "pack " + inner.path.string() + ": nested too deep");
    }
    inner.fd = os::Fd(
        ::openat(folder.fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner.fd.is_open()) {
      return errno == ENOENT ? Status() : Fail(At("open", inner.path));
    }
    VM0_TRY(writer_.Write(FormatEntry({.kind = Entry::Kind::kFolder,
                                       .path = folder.inside + name,
                                       .permissions = found.st_mode & kPermissions,
                                       .changed = found.st_mtim})));
    return PackFolder(inner);
  }

  Status PackLink(const Folder& folder, const std::string& name, const struct stat& found) {
    std::string target(found.st_size > 0 ? found.st_size + 1 : 4096, '\0');
    const ssize_t size = ::readlinkat(folder.fd.get(), name.c_str(), target.data(), target.size());
    if (size < 0) return errno == ENOENT ? Status() : Fail(At("read", folder.path / name));
    target.resize(static_cast<std::size_t>(size));
    return writer_.Write(FormatEntry({.kind = Entry::Kind::kLink,
                                      .path = folder.inside + name,
                                      .target = std::move(target),
                                      .permissions = kPermissions}));
  }

  Status PackFile(const Folder& folder, const std::string& name) {
    const auto path = folder.path / name;
    // Not blocking: it may have become a pipe since.
    const os::Fd file(
        ::openat(folder.fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.is_open()) return errno == ENOENT ? Status() : Fail(At("open", path));
    struct stat found {};
    if (::fstat(file.get(), &found) != 0) return Fail(At("look at", path));
    const bool is_archive = os::FileId{found.st_dev, found.st_ino} == archive_;
    if (!S_ISREG(found.st_mode) || is_archive) return {};
    VM0_TRY(meter_.CountBytes(found.st_size));
    VM0_TRY(writer_.Write(FormatEntry({.kind = Entry::Kind::kFile,
                                       .path = folder.inside + name,
                                       .permissions = found.st_mode & kPermissions,
                                       .size = found.st_size,
                                       .changed = found.st_mtim})));
    VM0_TRY(PackContent(file.get(), found.st_size, path));
    return writer_.Write(std::string(PaddingOf(found.st_size), '\0'));
  }

  // Just `size` bytes: what is missing by now is zeros.
  Status PackContent(int file, std::int64_t size, const std::filesystem::path& path) {
    bool ended = false;
    while (size > 0) {
      VM0_TRY(meter_.CheckStop());
      const auto wanted = std::min(buffer_.size(), static_cast<std::size_t>(size));
      ssize_t count = ended ? 0 : ::read(file, buffer_.data(), wanted);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Fail(At("read", path));
      if (count == 0) {
        ended = true;
        std::fill_n(buffer_.begin(), wanted, '\0');
        count = static_cast<ssize_t>(wanted);
      }
      VM0_TRY(writer_.Write({buffer_.data(), static_cast<std::size_t>(count)}));
      size -= count;
    }
    return {};
  }

  const PackOptions& options_;
  const os::FileId archive_;
  Meter meter_;
  GzipWriter writer_;
  std::string buffer_;
};

Status PackTo(os::Fd file, const std::filesystem::path& path, Folder top,
              const PackOptions& options) {
  VM0_ASSIGN(const os::FileId archive, os::FindFileId(path));
  Packing packing(options, std::move(file), archive);
  VM0_TRY(packing.PackFolder(top));
  return packing.Finish();
}

}  // namespace

Status Pack(const std::filesystem::path& folder, const std::filesystem::path& file,
            const PackOptions& options) {
  Folder top{.fd = {}, .path = folder, .inside = "", .depth = 0};
  // The folder itself may be named through a link.
  top.fd = os::Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top.fd.is_open()) return Fail(At("open", folder));
  os::Fd archive(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!archive.is_open()) return Fail(At("make", file));
  auto packed = PackTo(std::move(archive), file, std::move(top), options);
  if (!packed) ::unlink(file.c_str());
  return packed;
}

}  // namespace vm0::archive
