// SPDX-License-Identifier: Apache-2.0
#include "sandbox/control_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sandbox/launch_plan.h"

namespace vm0::sandbox {
namespace {

// One byte of data that carries one descriptor.
struct DescriptorMessage {
  char byte = 'd';
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};

  DescriptorMessage() {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
};

}  // namespace

Result<ControlSockets> MakeControlSockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Fail(SystemError("socketpair"));
  }
  ControlSockets sockets{os::Fd(ends[0]), os::Fd(ends[1])};
  if (::fcntl(sockets.ours.get(), F_SETFL, O_NONBLOCK) != 0) return Fail(SystemError("fcntl"));
  return sockets;
}

void SendOrder(int socket, int signal) {
  const char byte = static_cast<char>(signal);
  // Not sent: the other side is gone, and so is the agent.
  (void)::send(socket, &byte, 1, MSG_NOSIGNAL);
}

int ReceiveOrder(int socket) {
  char byte = 0;
  for (;;) {
    const ssize_t size = ::recv(socket, &byte, 1, 0);
    if (size == 1) return byte;
    if (size < 0 && errno == EINTR) continue;
    return kKillSignal;
  }
}

Status SendDescriptor(int socket, int descriptor) {
  DescriptorMessage message;
  cmsghdr* const part = CMSG_FIRSTHDR(&message.header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  if (::sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1) return {};
  return Fail(SystemError("send a descriptor"));
}

Result<os::Fd> ReceiveDescriptor(int socket) {
  DescriptorMessage message;
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* const part = CMSG_FIRSTHDR(&message.header);
  if (size == 1 && part != nullptr && part->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
    return os::Fd(descriptor);
  }
  if (size >= 0 || errno == EAGAIN) return Fail(Code::kNotFound, "no descriptor came");
  return Fail(SystemError("receive a descriptor"));
}

}  // namespace vm0::sandbox
