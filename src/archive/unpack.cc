// SPDX-License-Identifier: Apache-2.0
#include "archive/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "archive/entry.h"
#include "archive/gzip_reader.h"
#include "base/text.h"
#include "os/file_tree.h"

namespace vm0::archive {
namespace {

constexpr std::size_t kPiece = 256 << 10;
constexpr std::int64_t kMostExtension = 128 << 10;  // two long names
constexpr int kMostBlocksBehind = 128;              // some programs fill up
constexpr std::size_t kMaxDepth = 200;              // each level holds a descriptor
constexpr std::size_t kShown = 200;

// A name that others chose, for a message.
std::string Show(std::string_view path) {
  std::string shown;
  for (const char byte : path.substr(0, kShown)) {
    const bool is_plain = byte >= ' ' && byte <= '~';
    shown += is_plain ? byte : '?';
  }
  return shown + (path.size() > kShown ? "…" : "");
}

std::unexpected<Error> Bad(const Entry& entry, std::string_view what) {
  return Fail(Code::kBadRequest, Show(entry.path) + ": " + std::string(what));
}

std::unexpected<Error> At(const Entry& entry, Error error) {
  error.message = Show(entry.path) + ": " + error.message;
  return Fail(std::move(error));
}

bool LeadsOutside(std::string_view path) {
  return path.starts_with('/') || std::ranges::count(Split(path, '/'), "..") > 0;
}

// Permissions come last: a folder may be read-only.
Status Finish(int fd, const Entry& entry) {
  const std::array<timespec, 2> times = {entry.changed, entry.changed};
  if (::fchmod(fd, entry.permissions) == 0 && ::futimens(fd, times.data()) == 0) return {};
  return At(entry, SystemError("set mode and time"));
}

// A folder that was made, and may get more.
struct Level {
  os::Fd fd;
  Entry entry;
};

class Unpacking {
 public:
  Unpacking(os::Fd file, os::Fd top, const Limits& limits)
      : meter_(limits), reader_(std::move(file)), buffer_(kPiece, '\0') {
    levels_.push_back({std::move(top), {}});
  }

  Status Run() {
    for (;;) {
      VM0_ASSIGN(Header header, ReadHeader());
      if (header.kind == Header::Kind::kEnd) break;
      VM0_TRY(ReadEntry(std::move(header)));
    }
    VM0_TRY(CheckEnd());
    while (levels_.size() > 1) VM0_TRY(Leave());
    return {};
  }

 private:
  Result<Header> ReadHeader() {
    std::string block(kBlock, '\0');
    VM0_TRY(ReadAll(block));
    auto header = ParseHeader(block);
    if (header) return header;
    return Fail(header.error().code, Show(header.error().message));
  }

  Status ReadEntry(Header header) {
    Extension extension;
    if (header.kind == Header::Kind::kExtension) {
      VM0_ASSIGN(extension, ReadExtension(header.size));
      VM0_ASSIGN(header, ReadHeader());
      if (header.kind != Header::Kind::kEntry) {
        return Fail(Code::kBadRequest, "an extended header has no entry behind it");
      }
    }
    Extend(header.entry, extension);
    return Make(std::move(header.entry));
  }

  Result<Extension> ReadExtension(std::int64_t size) {
    if (size > kMostExtension) return Fail(Code::kBadRequest, "an extended header is too large");
    std::string records(static_cast<std::size_t>(size) + PaddingOf(size), '\0');
    VM0_TRY(ReadAll(records));
    records.resize(static_cast<std::size_t>(size));
    auto extension = ParseExtension(records);
    if (extension) return extension;
    return Fail(extension.error().code, Show(extension.error().message));
  }

  Status Make(Entry entry) {
    if (entry.path.starts_with("./")) entry.path.erase(0, 2);
    if (entry.path.ends_with('/')) entry.path.pop_back();
    const bool is_folder = entry.kind == Entry::Kind::kFolder;
    if (is_folder && (entry.path.empty() || entry.path == ".")) return {};
    if (LeadsOutside(entry.path)) return Bad(entry, "leads out of the folder");
    if (auto counted = meter_.CountFile(); !counted) return At(entry, counted.error());
    const std::size_t slash = entry.path.rfind('/');
    const bool is_top = slash == std::string::npos;
    VM0_TRY(LeaveUntil(entry, is_top ? "" : entry.path.substr(0, slash)));
    const std::string name = is_top ? entry.path : entry.path.substr(slash + 1);
    if (name.empty() || name == ".") return Bad(entry, "is no name");
    switch (entry.kind) {
      case Entry::Kind::kFile:
        return MakeFile(name, entry);
      case Entry::Kind::kFolder:
        return MakeFolder(name, std::move(entry));
      case Entry::Kind::kLink:
        return MakeLink(name, entry);
    }
    return {};
  }

  // Nothing is looked up by a path: an entry goes into a folder that is still open.
  Status LeaveUntil(const Entry& entry, const std::string& folder) {
    while (levels_.back().entry.path != folder) {
      if (levels_.size() == 1) return Bad(entry, "does not come behind its folder");
      VM0_TRY(Leave());
    }
    return {};
  }

  Status Leave() {
    VM0_TRY(Finish(levels_.back().fd.get(), levels_.back().entry));
    levels_.pop_back();
    return {};
  }

  Status MakeFolder(const std::string& name, Entry entry) {
    if (levels_.size() > kMaxDepth) return Bad(entry, "is nested too deep");
    const int parent = levels_.back().fd.get();
    if (::mkdirat(parent, name.c_str(), 0700) != 0) return Refuse(entry);
    VM0_ASSIGN(os::Fd fd, os::OpenDirectory(parent, name, Show(entry.path)));
    levels_.push_back({std::move(fd), std::move(entry)});
    return {};
  }

  Status MakeLink(const std::string& name, const Entry& entry) {
    if (entry.target.empty()) return Bad(entry, "is a link to nothing");
    const int parent = levels_.back().fd.get();
    return ::symlinkat(entry.target.c_str(), parent, name.c_str()) == 0 ? Status() : Refuse(entry);
  }

  Status MakeFile(const std::string& name, const Entry& entry) {
    if (auto counted = meter_.CountBytes(entry.size); !counted) return At(entry, counted.error());
    const os::Fd file(::openat(levels_.back().fd.get(), name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return Refuse(entry);
    if (auto written = WriteContent(file.get(), entry.size); !written) {
      return At(entry, written.error());
    }
    return Finish(file.get(), entry);
  }

  Status WriteContent(int file, std::int64_t size) {
    std::string padding(PaddingOf(size), '\0');
    while (size > 0) {
      VM0_TRY(meter_.CheckStop());
      buffer_.resize(std::min(kPiece, static_cast<std::size_t>(size)));
      VM0_TRY(ReadAll(buffer_));
      VM0_TRY(os::WriteAll(file, buffer_));
      size -= static_cast<std::int64_t>(buffer_.size());
    }
    return ReadAll(padding);
  }

  static std::unexpected<Error> Refuse(const Entry& entry) {
    if (errno == EEXIST) return Bad(entry, "comes twice");
    return At(entry, SystemError("make"));
  }

  Status ReadAll(std::string& bytes) {
    VM0_ASSIGN(const std::size_t count, reader_.Read(bytes.data(), bytes.size()));
    return count == bytes.size() ? Status() : Fail(Code::kBadRequest, "the archive is cut short");
  }

  // To the end of the file, where the checksum stands.
  Status CheckEnd() {
    for (int blocks = 0; blocks < kMostBlocksBehind; ++blocks) {
      std::string block(kBlock, '\0');
      VM0_ASSIGN(const std::size_t count, reader_.Read(block.data(), block.size()));
      if (count == 0) return {};
      if (block.find_first_not_of('\0') != std::string::npos) break;
    }
    return Fail(Code::kBadRequest, "something follows the end of the archive");
  }

  Meter meter_;
  GzipReader reader_;
  std::vector<Level> levels_;
  std::string buffer_;
};

}  // namespace

Status Unpack(const std::filesystem::path& file, const std::filesystem::path& folder,
              const Limits& limits) {
  os::Fd archive(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!archive.is_open()) return Fail(SystemError("open", file.string()));
  if (::mkdir(folder.c_str(), 0700) != 0) return Fail(SystemError("make", folder.string()));
  VM0_ASSIGN(os::Fd top, os::OpenDirectory(AT_FDCWD, folder.string(), folder.string()));
  return Unpacking(std::move(archive), std::move(top), limits).Run();
}

}  // namespace vm0::archive
