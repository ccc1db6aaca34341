// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::os {

// The address of a unix socket at a path of any length. sun_path holds 108 bytes: a longer path
// goes through /proc/self/fd/<directory>. Must live until bind or connect has returned.
struct UnixAddress {
  Fd directory;  // closed when the path fits
  sockaddr_un address{};

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&address); }
  socklen_t size() const { return sizeof address; }
};
Result<UnixAddress> MakeUnixAddress(const std::filesystem::path& path);

}  // namespace vm0::os
