// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

// A process in a session of its own, as a dead supervisor may leave it.
pid_t LeaveProcess(const std::string& run_id, uid_t uid) {
  os::Pipe ready = std::move(*os::MakePipe());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    if (uid != ::getuid() && (::setresgid(uid, uid, uid) || ::setresuid(uid, uid, uid))) ::_exit(1);
    const std::string variable = "VM0_RUN_ID=" + run_id;
    const char* const environment[] = {variable.c_str(), nullptr};
    ::execle("/bin/sleep", "sleep", "1000", nullptr, environment);
    ::_exit(1);
  }
  ready.write.Close();
  char byte = 0;
  (void)::read(ready.read.get(), &byte, 1);  // its end: execve has closed the other side
  return pid;
}

int SignalOf(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(Leftovers, AreFoundByTheRunsId) {
  const std::string id = "leftovers-" + std::to_string(::getpid());
  const pid_t mine = LeaveProcess(id, ::getuid());
  const pid_t other = LeaveProcess(id + "0", ::getuid());
  EXPECT_EQ(*KillLeftovers(id, std::nullopt), 1);
  EXPECT_EQ(SignalOf(mine), SIGKILL);
  EXPECT_EQ(*KillLeftovers(id, std::nullopt), 0);
  EXPECT_EQ(::kill(other, 0), 0) << "a run whose id only starts alike is left alone";
  ::kill(other, SIGTERM);
  EXPECT_EQ(SignalOf(other), SIGTERM);
}

TEST(Leftovers, AreFoundByTheRunsUser) {
  if (::geteuid() != 0) {
    EXPECT_FALSE(KillLeftovers("x", ::getuid())) << "it would be ourselves";
    return;
  }
  const uid_t uid = kTestUid;
  EXPECT_FALSE(HasProcesses(uid));
  const pid_t mine = LeaveProcess("another-id", uid);
  EXPECT_TRUE(HasProcesses(uid));
  EXPECT_EQ(*KillLeftovers("x", uid), 1);
  EXPECT_EQ(SignalOf(mine), SIGKILL);
  EXPECT_FALSE(HasProcesses(uid));
  EXPECT_FALSE(KillLeftovers("x", 0)) << "uid 0 is no run's user";
}

}  // namespace
}  // namespace vm0::sandbox
