// SPDX-License-Identifier: Apache-2.0
// What a boxed agent tries in system_calls_test.cc: this program again, inside.
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace vm0::sandbox {
namespace {

struct Attempt {
  const char* name;
  long (*run)();
};

long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return ::syscall(number, a, b, c, d, 0, 0);
}

constexpr long kFlagsAbove = 1L << 40;  // bits that the kernel does not look at

const Attempt kAttempts[] = {
    {"unshare user", [] { return long{::unshare(CLONE_NEWUSER)}; }},
    {"unshare mount", [] { return long{::unshare(CLONE_NEWNS)}; }},
    {"clone user", [] { return Call(SYS_clone, CLONE_NEWUSER | SIGCHLD); }},
    {"clone3", [] { return Call(435); }},
    {"mount", [] { return long{::mount("x", "/tmp", "tmpfs", 0, nullptr)}; }},
    {"umount", [] { return long{::umount2("/workspace", MNT_DETACH)}; }},
    {"fsopen", [] { return Call(430); }},
    {"chroot", [] { return long{::chroot("/tmp")}; }},
    {"ptrace", [] { return Call(SYS_ptrace, 16, 1); }},
    {"process_vm_readv", [] { return Call(SYS_process_vm_readv, 1); }},
    {"pidfd_getfd", [] { return Call(438, 0, 0); }},
    {"bpf", [] { return Call(SYS_bpf); }},
    {"perf_event_open", [] { return Call(SYS_perf_event_open); }},
    {"userfaultfd", [] { return Call(SYS_userfaultfd); }},
    {"keyctl", [] { return Call(SYS_keyctl); }},
    {"io_uring_setup", [] { return Call(425); }},
    {"open_by_handle_at", [] { return Call(SYS_open_by_handle_at); }},
    {"openat2", [] { return Call(437); }},
    {"a call newer than the list", [] { return Call(463); }},
    {"chmod set-uid",
     [] {
       ::close(::open("/tmp/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
       return long{::chmod("/tmp/f", 04755)};
     }},
    {"chmod set-gid", [] { return long{::chmod("/tmp/f", 02755)}; }},
    {"fchmodat set-uid", [] { return Call(SYS_fchmodat, AT_FDCWD, (long)"/tmp/f", 04755); }},
    {"fchmodat2 set-uid", [] { return Call(452, AT_FDCWD, (long)"/tmp/f", 04755); }},
    {"create set-uid",
     [] { return long{::open("/tmp/g", O_CREAT | O_WRONLY | O_CLOEXEC, 04755)}; }},
    {"create unnamed set-uid",
     [] { return long{::open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 04755)}; }},
    {"mknod set-uid", [] { return long{::mknod("/tmp/h", S_IFREG | 04755, 0)}; }},
    {"chmod", [] { return long{::chmod("/tmp/f", 0700)}; }},
    {"open with a stray mode",
     [] { return Call(SYS_openat, AT_FDCWD, (long)"/tmp/f", O_RDONLY, 04755); }},
    {"TIOCSTI", [] { return Call(SYS_ioctl, 0, TIOCSTI); }},
    {"TIOCSTI with bits above", [] { return Call(SYS_ioctl, 0, TIOCSTI | kFlagsAbove); }},
    {"personality no randomize", [] { return Call(SYS_personality, ADDR_NO_RANDOMIZE); }},
    {"personality ask", [] { return Call(SYS_personality, 0xffffffff); }},
    {"socket unix", [] { return long{::socket(AF_UNIX, SOCK_STREAM, 0)}; }},
    {"socket inet6", [] { return long{::socket(AF_INET6, SOCK_STREAM, 0)}; }},
    {"socket netlink route", [] { return long{::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)}; }},
    {"socket netlink audit", [] { return long{::socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)}; }},
    {"socket packet", [] { return long{::socket(AF_PACKET, SOCK_RAW, 0)}; }},
    {"socket vsock", [] { return long{::socket(AF_VSOCK, SOCK_STREAM, 0)}; }},
    {"socket alg", [] { return long{::socket(AF_ALG, SOCK_SEQPACKET, 0)}; }},
    {"socket vsock with bits above",
     [] { return Call(SYS_socket, AF_VSOCK | kFlagsAbove, SOCK_STREAM); }},
    {"kill pid 1", [] { return long{::kill(1, SIGKILL)}; }},
    {"write outside", [] { return long{::open("/etc/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0644)}; }},
    {"rename across folders",
     [] {
       ::mkdir("/tmp/d", 0755);
       return long{::rename("/tmp/f", "/tmp/d/f")};
     }},
};

}  // namespace

// Tries all and prints how each ended. No return: looking for leaks is tracing, which is refused.
[[noreturn]] void RunAttempts() {
  for (const Attempt& attempt : kAttempts) {
    errno = 0;
    const long result = attempt.run();
    const int reason = errno;
    if (result == 0 && std::strncmp(attempt.name, "clone", 5) == 0) ::_exit(0);  // the clone
    ::printf("%s: %s\n", attempt.name, result < 0 ? ::strerrorname_np(reason) : "done");
    ::fflush(stdout);
  }
  ::_exit(0);
}

}  // namespace vm0::sandbox
