// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>

#include <functional>

#include "sandbox/test_box.h"

namespace vm0::sandbox {

int RunWithoutNamespaces(const std::function<void()>& test);  // test_main_test.cc

namespace {

TEST(Subreaper, KillsWhatTheAgentLeavesBehind) {
  EXPECT_EQ(RunWithoutNamespaces([] {
              TestBox box;
              const auto end = box.Run(
                  "for i in 1 2 3; do setsid sh -c 'sleep 1000 & sleep 1000' & done; "
                  "setsid -f sleep 1000; readlink /proc/self/ns/pid; exit 4");
              ASSERT_TRUE(end.end) << end.end.error().message;
              EXPECT_EQ(end.out,
                        std::filesystem::read_symlink("/proc/self/ns/pid").native() + "\n");
              EXPECT_EQ(end.end->code, 4);
              EXPECT_EQ(box.Leftovers(), 0);
            }),
            0);
}

TEST(Subreaper, KillTakesTheWholeTree) {
  EXPECT_EQ(RunWithoutNamespaces([] {
              TestBox box;
              box.Script("trap '' INT TERM; setsid sleep 1000 & echo up; sleep 1000");
              auto running = box.Start();
              std::string out;
              ReadPipe(running->stdout_pipe(), out, "up\n");
              running->Kill();
              AwaitExit(*running);
              const auto end = running->Finish();
              ASSERT_TRUE(end) << end.error().message;
              EXPECT_EQ(end->signal, SIGKILL);
              EXPECT_EQ(box.Leftovers(), 0);
            }),
            0);
}

TEST(Subreaper, RefusesAReadOnlyWorkspaceWithTheRemedy) {
  EXPECT_EQ(RunWithoutNamespaces([] {
              TestBox box;
              box.spec.workspace_kind = WorkspaceKind::kUsersReadOnly;
              const auto end = box.Run("true");
              ASSERT_FALSE(end.end);
              EXPECT_EQ(end.end.error().code, Code::kSandboxUnavailable);
              EXPECT_NE(end.end.error().message.find("use :copy"), std::string::npos);
            }),
            0);
}

}  // namespace
}  // namespace vm0::sandbox
