// SPDX-License-Identifier: Apache-2.0
// What a runner of root does with the uids of its runs.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "runner/run_files.h"
#include "runner/run_uids.h"
#include "runner/test_world.h"

namespace vm0::runner {
namespace {

using RunnerUids = TestWorld;

uid_t FindOwner(const std::filesystem::path& path) {
  struct stat found {};
  EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
  return found.st_uid;
}

TEST_F(RunnerUids, GiveTheDirectoryToOneOfItsOwnAndTakeItBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has other uids";
  const auto folder = data() / "folder";
  ASSERT_TRUE(os::MakeDirs(folder));
  WriteText(folder / "file", "x");
  TestRun run = MakeRun();
  run.spec.workspace = {agent::Workspace::Mode::kCopy, folder.string()};
  server->AddRun(kRun, run);
  StartRunner();
  const pid_t pid = UntilHeld(kRun);
  const auto uid = ReadRunUid(dir(kRun));
  ASSERT_TRUE(uid);
  EXPECT_EQ(FindOwner(dir(kRun).workspace() / "file"), *uid);
  EXPECT_EQ(FindOwner(dir(kRun).home()), *uid);
  EXPECT_EQ(FindOwner(dir(kRun).tmp()), *uid);
  EXPECT_EQ(FindOwner(folder / "file"), 0u);
  TestRun other = MakeRun();
  other.attempt = 4;
  server->AddRun(kOtherRun, other);
  UntilHeld(kOtherRun);
  EXPECT_NE(ReadRunUid(dir(kOtherRun)), uid);
  server->run(kRun).started = true;
  Kill(pid);
  Until([&] { return !std::filesystem::exists(dir(kRun).uid()); });
  EXPECT_EQ(FindOwner(dir(kRun).workspace() / "file"), 0u);
  EXPECT_EQ(FindOwner(dir(kRun).home()), 0u);
  EXPECT_FALSE(std::filesystem::exists(dir(kRun).tmp()));
}

TEST_F(RunnerUids, TakeBackWhatTheLastRunnerHadNoTimeFor) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has other uids";
  const supervisor::RunDir left = dir(kRun);
  ASSERT_TRUE(os::MakeDirs(left.workspace() / "deep"));
  ASSERT_TRUE(os::MakeDirs(left.home()));
  const os::ChownOptions options{.uid = 76150, .gid = 76150};
  ASSERT_TRUE(os::ChownTree(left.workspace(), options));
  WriteText(left.uid(), "76150\n");
  StartRunner();
  Until([&] { return !std::filesystem::exists(left.uid()); });
  EXPECT_EQ(FindOwner(left.workspace() / "deep"), 0u);
  EXPECT_TRUE(server->requests().size() <= 2);
}

}  // namespace
}  // namespace vm0::runner
