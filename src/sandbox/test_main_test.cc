// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cstring>
#include <functional>

#include "sandbox/launcher.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

bool WriteText(const char* path, const std::string& text) {
  const os::Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd.is_open() && os::WriteAll(fd.get(), text);
}

// Becomes an ordinary user on a machine that has no namespaces for him.
bool LoseNamespaces() {
  if (::geteuid() == 0 && (::setresgid(kTestUid, kTestUid, kTestUid) != 0 ||
                           ::setresuid(kTestUid, kTestUid, kTestUid) != 0)) {
    return false;
  }
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  if (::prctl(PR_SET_DUMPABLE, 1) != 0 || ::unshare(CLONE_NEWUSER) != 0) return false;
  return WriteText("/proc/self/setgroups", "deny") &&
         WriteText("/proc/self/uid_map", uid + " " + uid + " 1") &&
         WriteText("/proc/self/gid_map", gid + " " + gid + " 1") &&
         WriteText("/proc/sys/user/max_user_namespaces", "0");
}

}  // namespace

// Runs `test` in a child that has no namespaces.
int RunWithoutNamespaces(const std::function<void()>& test) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!LoseNamespaces()) ::_exit(99);
    test();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

[[noreturn]] void RunAttempts();  // attempts_test.cc

}  // namespace vm0::sandbox

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "launch") == 0) return vm0::sandbox::LauncherMain();
  if (argc > 1 && std::strcmp(argv[1], "attempts") == 0) vm0::sandbox::RunAttempts();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
