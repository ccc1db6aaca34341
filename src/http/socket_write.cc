// SPDX-License-Identifier: Apache-2.0
#include "http/socket_write.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace vm0::http {

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

std::optional<std::size_t> SendSome(int fd, WriteParts& parts) {
  std::array<iovec, std::tuple_size_v<WriteParts>> vectors{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.size();
  const auto count = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) return WouldBlock(errno) ? std::optional<std::size_t>(0) : std::nullopt;
  auto rest = static_cast<std::size_t>(count);
  for (auto& part : parts) {
    const auto taken = std::min(rest, part.size());
    part.remove_prefix(taken);
    rest -= taken;
  }
  return static_cast<std::size_t>(count);
}

}  // namespace vm0::http
