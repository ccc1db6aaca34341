// SPDX-License-Identifier: Apache-2.0
#include "os/pinned_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace vm0::os {

Result<PinnedDirectory> PinnedDirectory::Open(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd.is_open()) return PinnedDirectory(std::move(fd));
  const int reason = errno;
  Error error = SystemErrorOf(reason, "open", path.native());
  if (reason == ENOENT) error.code = Code::kNotFound;
  return Fail(std::move(error));
}

std::filesystem::path PinnedDirectory::path() const {
  return "/proc/self/fd/" + std::to_string(fd_.get());
}

// By its name, since not every file system counts the links of directories.
bool PinnedDirectory::is_deleted() const {
  std::error_code error;
  const auto name = std::filesystem::read_symlink(path(), error);
  if (error || !name.native().ends_with(" (deleted)")) return false;
  struct stat ours {};
  struct stat named {};
  const bool is_called_so = ::fstat(fd_.get(), &ours) == 0 && ::stat(name.c_str(), &named) == 0 &&
                            ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
  return !is_called_so;
}

}  // namespace vm0::os
