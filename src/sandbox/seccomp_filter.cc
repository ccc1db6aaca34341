// SPDX-License-Identifier: Apache-2.0
#include "sandbox/seccomp_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>

#include "os/fd.h"
#include "os/file.h"

namespace vm0::sandbox {
namespace {

// mseal(2), Linux 6.10. Numbers from 424 on are the same everywhere.
constexpr unsigned kNewestKnown = 462;
constexpr int kFchmodat2 = 452;
constexpr int kStatmount = 457;
constexpr int kListmount = 458;
constexpr std::uint64_t kWord = 0xffffffff;    // what the kernel looks at of an int
constexpr std::uint64_t kTmpFile = 020000000;  // O_TMPFILE without O_DIRECTORY

constexpr std::array kForbidden = {
    // mounts and namespaces
    SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(open_tree),
    SCMP_SYS(move_mount), SCMP_SYS(mount_setattr), SCMP_SYS(unshare), SCMP_SYS(setns), kStatmount,
    kListmount,
    // other processes
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
    // the kernel
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(init_module), SCMP_SYS(finit_module),
    SCMP_SYS(delete_module), SCMP_SYS(create_module), SCMP_SYS(get_kernel_syms),
    SCMP_SYS(query_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(syslog),
    SCMP_SYS(acct), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd), SCMP_SYS(fanotify_init), SCMP_SYS(lookup_dcookie), SCMP_SYS(nfsservctl),
    SCMP_SYS(uselib), SCMP_SYS(ustat), SCMP_SYS(sysfs), SCMP_SYS(vhangup), SCMP_SYS(iopl),
    SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(vm86), SCMP_SYS(vm86old),
    // clocks
    SCMP_SYS(settimeofday), SCMP_SYS(stime), SCMP_SYS(clock_settime), SCMP_SYS(clock_settime64),
    SCMP_SYS(clock_adjtime), SCMP_SYS(clock_adjtime64), SCMP_SYS(adjtimex),
    // files by their handles
    SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at)};

// Programs find another way when these are not there.
constexpr std::array kAbsent = {
    SCMP_SYS(clone3),         SCMP_SYS(openat2),        kFchmodat2,
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)};

constexpr std::array<std::uint64_t, 8> kNamespaces = {
    CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
    CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, 0x80 /* CLONE_NEWTIME */};

// Terminal input injection, keyboards of consoles, line disciplines.
constexpr std::array<std::uint64_t, 3> kTerminalTricks = {TIOCSTI, TIOCLINUX, TIOCSETD};

constexpr std::array<std::uint64_t, 5> kOddPersonalities = {
    ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO, ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC, SHORT_INODE};

// One that has the bit is personality(0xffffffff), which only asks.
constexpr std::uint64_t kQueryBit = 0x80000000;

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

// Collects rules; remembers the first that libseccomp refused.
class Rules {
 public:
  Rules() : filter_(::seccomp_init(SCMP_ACT_ALLOW)) {
    if (!filter_) error_ = ENOMEM;
  }

  void Refuse(int call, int reason, std::initializer_list<scmp_arg_cmp> when = {}) {
    if (error_ != 0) return;
    const int status = ::seccomp_rule_add_array(filter_.get(), SCMP_ACT_ERRNO(reason), call,
                                                static_cast<unsigned>(when.size()), when.begin());
    if (status != 0) error_ = -status;
  }

  Result<std::vector<sock_filter>> Export() const {
    if (error_ != 0) return Fail(SystemErrorOf(error_, "make the system call filter"));
    VM0_ASSIGN(const os::Fd file, os::MakeMemFile("vm0-filter", ""));
    if (const int status = ::seccomp_export_bpf(filter_.get(), file.get()); status != 0) {
      return Fail(SystemErrorOf(-status, "export the system call filter"));
    }
    VM0_ASSIGN(const std::string bytes, os::ReadAll(file.get()));
    std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
    std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
    return program;
  }

 private:
  std::unique_ptr<void, Release> filter_;
  int error_ = 0;
};

// The argument has all of these bits.
scmp_arg_cmp Has(unsigned argument, std::uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, bits};
}

void RefuseNamespaces(Rules& rules) {
  for (const std::uint64_t flag : kNamespaces) {
    rules.Refuse(SCMP_SYS(clone), EPERM, {Has(0, flag)});
  }
}

// The mode is looked at only where a file is made: otherwise the argument is anything.
void RefuseRightsOfFiles(Rules& rules) {
  for (const std::uint64_t bit : {S_ISUID, S_ISGID}) {
    rules.Refuse(SCMP_SYS(chmod), EPERM, {Has(1, bit)});
    rules.Refuse(SCMP_SYS(fchmod), EPERM, {Has(1, bit)});
    rules.Refuse(SCMP_SYS(fchmodat), EPERM, {Has(2, bit)});
    rules.Refuse(SCMP_SYS(creat), EPERM, {Has(1, bit)});
    rules.Refuse(SCMP_SYS(mkdir), EPERM, {Has(1, bit)});
    rules.Refuse(SCMP_SYS(mkdirat), EPERM, {Has(2, bit)});
    rules.Refuse(SCMP_SYS(mknod), EPERM, {Has(1, bit)});
    rules.Refuse(SCMP_SYS(mknodat), EPERM, {Has(2, bit)});
    for (const std::uint64_t makes : {std::uint64_t{O_CREAT}, kTmpFile}) {
      rules.Refuse(SCMP_SYS(open), EPERM, {Has(1, makes), Has(2, bit)});
      rules.Refuse(SCMP_SYS(openat), EPERM, {Has(2, makes), Has(3, bit)});
    }
  }
}

void RefuseSockets(Rules& rules, int call) {
  for (std::uint64_t family = 0; family < AF_NETLINK; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6) continue;
    rules.Refuse(call, EAFNOSUPPORT, {{0, SCMP_CMP_EQ, family, 0}});
  }
  rules.Refuse(call, EAFNOSUPPORT, {{0, SCMP_CMP_GT, AF_NETLINK, 0}});
  rules.Refuse(call, EAFNOSUPPORT, {{0, SCMP_CMP_EQ, AF_NETLINK, 0}, {2, SCMP_CMP_NE, 0, 0}});
}

// libseccomp has no rule for "any other call".
std::vector<sock_filter> RefuseNewerCalls(std::vector<sock_filter> program) {
  const std::array<sock_filter, 3> first = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kNewestKnown, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)};
  program.insert(program.begin(), first.begin(), first.end());
  return program;
}

}  // namespace

Result<std::vector<sock_filter>> MakeSystemCallFilter() {
  Rules rules;
  for (const int call : kForbidden) rules.Refuse(call, EPERM);
  for (const int call : kAbsent) rules.Refuse(call, ENOSYS);
  RefuseNamespaces(rules);
  RefuseRightsOfFiles(rules);
  RefuseSockets(rules, SCMP_SYS(socket));
  RefuseSockets(rules, SCMP_SYS(socketpair));
  for (const std::uint64_t request : kTerminalTricks) {
    rules.Refuse(SCMP_SYS(ioctl), EPERM, {{1, SCMP_CMP_MASKED_EQ, kWord, request}});
  }
  for (const std::uint64_t flag : kOddPersonalities) {
    rules.Refuse(SCMP_SYS(personality), EPERM, {{0, SCMP_CMP_MASKED_EQ, kQueryBit | flag, flag}});
  }
  VM0_ASSIGN(std::vector<sock_filter> program, rules.Export());
  return RefuseNewerCalls(std::move(program));
}

bool ApplySystemCallFilter(const std::vector<sock_filter>& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace vm0::sandbox
