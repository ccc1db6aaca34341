// SPDX-License-Identifier: Apache-2.0
#include "os/unix_address.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

namespace vm0::os {
namespace {

// Room for the terminating NUL is kept.
bool Fill(sockaddr_un& address, const std::string& path) {
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return true;
}

}  // namespace

Result<UnixAddress> MakeUnixAddress(const std::filesystem::path& path) {
  UnixAddress result;
  if (path.empty() || !path.has_filename()) {
    return Fail(Code::kIo, "unix socket \"" + path.native() + "\": not the path of a file");
  }
  if (Fill(result.address, path.native())) return result;
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  result.directory = Fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!result.directory.is_open()) return Fail(SystemError("open", directory.native()));
  const std::string through =
      "/proc/self/fd/" + std::to_string(result.directory.get()) + "/" + path.filename().native();
  if (!Fill(result.address, through)) {
    return Fail(SystemErrorOf(ENAMETOOLONG, "unix socket", path.native()));
  }
  return result;
}

}  // namespace vm0::os
