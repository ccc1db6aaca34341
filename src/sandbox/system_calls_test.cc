// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/text.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

// name → how it ended, of attempts_test.cc
std::map<std::string, std::string> AttemptAll() {
  TestBox box(*FindDriver("bubblewrap"));
  box.ShowOurselves("attempts");
  const auto end = box.Run();
  EXPECT_TRUE(end.end && end.end->code == 0) << end.err << (end.end ? "" : end.end.error().message);
  std::map<std::string, std::string> attempts;
  for (const std::string_view line : Split(end.out, '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon != line.npos) attempts.emplace(line.substr(0, colon), line.substr(colon + 2));
  }
  return attempts;
}

TEST(SystemCalls, OfABoxedAgentAreRefusedWhereTheyLeadOut) {
  const std::map<std::string, std::string> expected = {
      {"unshare user", "EPERM"},
      {"unshare mount", "EPERM"},
      {"clone user", "EPERM"},
      {"clone3", "ENOSYS"},
      {"mount", "EPERM"},
      {"umount", "EPERM"},
      {"fsopen", "EPERM"},
      {"chroot", "EPERM"},
      {"ptrace", "EPERM"},
      {"process_vm_readv", "EPERM"},
      {"pidfd_getfd", "EPERM"},
      {"bpf", "EPERM"},
      {"perf_event_open", "EPERM"},
      {"userfaultfd", "EPERM"},
      {"keyctl", "EPERM"},
      {"io_uring_setup", "ENOSYS"},
      {"open_by_handle_at", "EPERM"},
      {"openat2", "ENOSYS"},
      {"a call newer than the list", "ENOSYS"},
      {"chmod set-uid", "EPERM"},
      {"chmod set-gid", "EPERM"},
      {"fchmodat set-uid", "EPERM"},
      {"fchmodat2 set-uid", "ENOSYS"},
      {"create set-uid", "EPERM"},
      {"create unnamed set-uid", "EPERM"},
      {"mknod set-uid", "EPERM"},
      {"chmod", "done"},
      {"open with a stray mode", "done"},
      {"TIOCSTI", "EPERM"},
      {"TIOCSTI with bits above", "EPERM"},
      {"personality no randomize", "EPERM"},
      {"personality ask", "done"},
      {"socket unix", "done"},
      {"socket inet6", "done"},
      {"socket netlink route", "done"},
      {"socket netlink audit", "EAFNOSUPPORT"},
      {"socket packet", "EAFNOSUPPORT"},
      {"socket vsock", "EAFNOSUPPORT"},
      {"socket alg", "EAFNOSUPPORT"},
      {"socket vsock with bits above", "EAFNOSUPPORT"},
      {"kill pid 1", "EPERM"},
      {"write outside", "EROFS"},
      {"rename across folders", "done"},
  };
  auto attempts = AttemptAll();
  for (const auto& [name, end] : expected) EXPECT_EQ(attempts[name], end) << name;
  EXPECT_EQ(attempts.size(), expected.size());
}

TEST(SystemCalls, OfAnotherArchitectureEndTheProcess) {
#ifdef __x86_64__
  const auto filter = MakeSystemCallFilter();
  ASSERT_TRUE(filter) << filter.error().message;
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!ApplySystemCallFilter(*filter)) ::_exit(2);
    long result = 20;  // getpid of i386
    asm volatile("int $0x80" : "+a"(result));
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
#endif
}

TEST(Landlock, RefusesToWriteElsewhereAndLetsReadWhereTheKernelHasIt) {
  const TestFolder folder;
  std::filesystem::create_directories(folder.path() / "open/sub");
  std::filesystem::create_directories(folder.path() / "shut");
  std::ofstream(folder.path() / "shut/file") << "text";
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!RestrictWriting({folder.path() / "open", "/no/such/folder"})) ::_exit(2);
    const auto opens = [&](const char* name, int flags) {
      return ::open((folder.path() / name).c_str(), flags | O_CLOEXEC, 0644) >= 0;
    };
    if (LandlockAbi() < 2) ::_exit(opens("shut/file", O_WRONLY) ? 0 : 3);
    const bool right = opens("open/file", O_WRONLY | O_CREAT) && opens("shut/file", O_RDONLY) &&
                       !opens("shut/file", O_WRONLY) && !opens("shut/new", O_WRONLY | O_CREAT) &&
                       ::unlink((folder.path() / "shut/file").c_str()) != 0 &&
                       ::rename((folder.path() / "open/file").c_str(),
                                (folder.path() / "open/sub/f").c_str()) == 0 &&
                       ::open("/dev/null", O_WRONLY | O_TRUNC | O_CLOEXEC) >= 0;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

}  // namespace
}  // namespace vm0::sandbox
