// SPDX-License-Identifier: Apache-2.0
#include "os/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include <cerrno>
#include <string>

namespace vm0::os {

Result<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return Fail(SystemError("pipe"));
  return Pipe{Fd(fds[0]), Fd(fds[1])};
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return Fail(SystemError("write"));
    }
  }
  return {};
}

Result<Fd> MakeMemFile(std::string_view name, std::string_view bytes) {
  Fd fd(::memfd_create(std::string(name).c_str(), MFD_CLOEXEC));
  if (!fd.is_open()) return Fail(SystemError("memfd_create", name));
  VM0_TRY(WriteAll(fd.get(), bytes));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return Fail(SystemError("lseek", name));
  return fd;
}

}  // namespace vm0::os
