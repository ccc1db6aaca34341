// SPDX-License-Identifier: Apache-2.0
#include "os/core_dump.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace vm0::os {
namespace {

TEST(CoreDump, IsNotMadeByAProcessThatForbidsThem) {
  const pid_t child = ::fork();
  if (child == 0) {
    ForbidCoreDumps();
    std::signal(SIGABRT, SIG_DFL);
    ::raise(SIGABRT);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(WCOREDUMP(status));
}

TEST(CoreDump, CanNotBeAllowedAgainByWhatTheProcessStarts) {
  const pid_t child = ::fork();
  if (child == 0) {
    ForbidCoreDumps();
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    ::_exit(limit.rlim_cur <= 1 && limit.rlim_max <= 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace vm0::os
