// SPDX-License-Identifier: Apache-2.0
#include "sandbox/control_group.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/text.h"
#include "os/file.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

std::string Name() { return "vm0-test-" + std::to_string(::getpid()); }

std::string Read(const fs::path& path) {
  const auto text = os::ReadFile(path);
  return text ? std::string(TrimAscii(*text)) : "(none)";
}

TEST(GroupPlaces, FindsOurGroupInEachHierarchyOfAHybridMachine) {
  const GroupPlaces places =
      ParsePlaces("8:pids:/\n4:memory:/service/a\n2:cpu,cpuacct:/x\n1:name=systemd:/\n0::/u/v\n",
                  "30 25 0:29 / /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
                  "31 25 0:32 /service /cg/memory rw - cgroup cgroup rw,memory\n"
                  "32 25 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
                  "33 25 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n");
  EXPECT_EQ(places.memory, "/cg/memory/a");
  EXPECT_EQ(places.pids, "/sys/fs/cgroup/pids");
  EXPECT_EQ(places.cpu, "/sys/fs/cgroup/cpu/x");
  EXPECT_EQ(places.cpu_time, "/sys/fs/cgroup/cpu/x");
  EXPECT_EQ(places.unified, "/sys/fs/cgroup/unified/u/v");
}

TEST(GroupPlaces, FindsTheOneGroupOfAPureV2Machine) {
  const GroupPlaces places = ParsePlaces("0::/system.slice/vm0.service\n",
                                         "33 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(places.unified, "/sys/fs/cgroup/system.slice/vm0.service");
  EXPECT_TRUE(places.memory.empty() && places.pids.empty() && places.cpu.empty());
}

TEST(GroupPlaces, AGroupThatIsNotMountedHasNoPlace) {
  const std::string mountinfo = "33 25 0:26 /inner /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(ParsePlaces("0::/inner/a\n", mountinfo).unified, "/sys/fs/cgroup/a");
  EXPECT_EQ(ParsePlaces("0::/outer\n", mountinfo).unified, "");
  EXPECT_EQ(ParsePlaces("0::/../outer\n", mountinfo).unified, "");
  EXPECT_EQ(ParsePlaces("0::/a\n", "").unified, "");
  EXPECT_EQ(ParsePlaces("", mountinfo).unified, "");
  EXPECT_EQ(ParsePlaces("nonsense\n::\n", "- - -\nx\n").unified, "");
}

// A v2 tree of plain files: what is written where. (This machine's v2 has no controllers.)
class V2Tree : public ::testing::Test {
 protected:
  V2Tree() { MakeGroup(own_); }

  void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  void MakeGroup(const fs::path& path) {
    fs::create_directories(path);
    Write(path / "cgroup.procs", "1\n2\n");
    Write(path / "cgroup.controllers", "cpu memory pids\n");
    Write(path / "cgroup.subtree_control", "");
  }
  // As the kernel does when a group is made below one with controllers.
  fs::path MakeRunGroup(const fs::path& parent) {
    const fs::path path = parent / "vm0-1";
    MakeGroup(path);
    for (const char* file : {"memory.max", "memory.swap.max", "pids.max", "cpu.max", "cgroup.kill"})
      Write(path / file, "");
    Write(path / "cgroup.events", "populated 0\nfrozen 0\n");
    Write(path / "memory.peak", "4096\n");
    Write(path / "memory.events", "low 0\noom 7\noom_kill 2\noom_group_kill 0\n");
    Write(path / "pids.peak", "9\n");
    Write(path / "cpu.stat", "usage_usec 1234\nuser_usec 1000\n");
    return path;
  }

  TestFolder folder_;
  fs::path slice_ = folder_.path() / "slice";
  fs::path own_ = slice_ / "own";
};

TEST_F(V2Tree, LimitsARunBelowAGroupThatIsDelegated) {
  Write(own_ / "cgroup.subtree_control", "cpu memory pids\n");
  const fs::path run = MakeRunGroup(own_);
  const auto group = ControlGroup::Make(
      {.memory = {}, .pids = {}, .cpu = {}, .cpu_time = {}, .unified = own_}, "vm0-1",
      {.memory_bytes = 1 << 20, .pids = 10, .cpu = 0.5, .open_files = {}, .file_bytes = {}});
  ASSERT_TRUE(group) << group.error().message;
  EXPECT_EQ((*group)->folders(), std::vector<fs::path>{run});
  EXPECT_EQ(Read(run / "memory.max"), "1048576");
  EXPECT_EQ(Read(run / "memory.swap.max"), "0");
  EXPECT_EQ(Read(run / "pids.max"), "12");
  EXPECT_EQ(Read(run / "cpu.max"), "50000 100000");
  const Usage usage = (*group)->usage();
  EXPECT_EQ(usage.memory_peak_bytes, 4096);
  EXPECT_EQ(usage.oom_kills, 2);
  EXPECT_EQ(usage.pids_peak, 7);
  EXPECT_EQ(usage.cpu_us, 1234);
  (*group)->Kill();
  EXPECT_EQ(Read(run / "cgroup.kill"), "1");
}

TEST_F(V2Tree, MakesTheGroupBesideOursWhereOursIsFullOfOthers) {
  MakeGroup(slice_);
  Write(slice_ / "cgroup.subtree_control", "memory pids\n");
  Write(own_ / "cgroup.controllers", "");
  const fs::path run = MakeRunGroup(slice_);
  const auto group = ControlGroup::Make(
      {.memory = {}, .pids = {}, .cpu = {}, .cpu_time = {}, .unified = own_}, "vm0-1", {});
  ASSERT_TRUE(group);
  EXPECT_EQ((*group)->folders(), std::vector<fs::path>{run});
  EXPECT_TRUE((*group)->controllers().memory);
}

TEST_F(V2Tree, MovesOurselvesAsideWhenWeAreAlone) {
  Write(own_ / "cgroup.procs", std::to_string(::getpid()) + "\n");
  Write(own_ / "cgroup.controllers", "memory\n");
  // The kernel refuses while we are in it.
  fs::remove(own_ / "cgroup.subtree_control");
  MakeGroup(own_ / "vm0-own");
  (void)ControlGroup::Make({.memory = {}, .pids = {}, .cpu = {}, .cpu_time = {}, .unified = own_},
                           "vm0-1", {});
  EXPECT_EQ(Read(own_ / "vm0-own" / "cgroup.procs").front(), '0');
}

TEST_F(V2Tree, WithoutGroupsNothingCanBeHeldAndOnlyALimitIsAnError) {
  const auto none = ControlGroup::Make({}, "vm0-1", {});
  ASSERT_TRUE(none);
  EXPECT_TRUE((*none)->folders().empty());
  EXPECT_FALSE((*none)->controllers().memory || (*none)->controllers().cpu);
  EXPECT_EQ((*none)->usage().memory_peak_bytes, std::nullopt);
  Limits limits;
  limits.memory_bytes = 1 << 20;
  const auto refused = ControlGroup::Make({}, "vm0-1", limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kSandboxUnavailable);
}

// What follows is this machine's kernel. Where it delegates nothing, nothing may be promised.
TEST(ControlGroup, HoldsWhatItPromises) {
  const Enforceable can = ProbeGroups();
  Limits limits;
  if (can.memory) limits.memory_bytes = 64 << 20;
  if (can.cpu) limits.cpu = 0.5;
  limits.pids = 7;
  std::vector<fs::path> folders;
  {
    const auto group = ControlGroup::Make(FindPlaces(), Name(), limits);
    ASSERT_TRUE(group) << group.error().message;
    folders = (*group)->folders();
    EXPECT_EQ((*group)->controllers().memory, can.memory);
    for (const auto& folder : folders) EXPECT_TRUE(fs::is_directory(folder)) << folder;
    EXPECT_EQ((*group)->usage().memory_peak_bytes.has_value(), can.memory);
  }
  for (const auto& folder : folders) EXPECT_FALSE(fs::exists(folder)) << folder;
}

TEST(ControlGroup, KillsAndRemovesWhatADeadProcessLeft) {
  const std::string name = Name();
  auto pipe = os::MakePipe();
  ASSERT_TRUE(pipe);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto group = ControlGroup::Make(FindPlaces(), name, {});
    for (const auto& folder : (*group)->folders()) (void)JoinGroup(folder);
    (void)os::WriteAll(pipe->write.get(), "x");
    for (;;) ::pause();  // never removes it
  }
  char ready = 0;
  ASSERT_EQ(::read(pipe->read.get(), &ready, 1), 1);
  const fs::path unified = FindPlaces().unified / name;
  const fs::path memory = FindPlaces().memory / name;
  const bool is_grouped = fs::exists(unified / "cgroup.kill") || fs::exists(memory);
  if (!is_grouped) ::kill(child, SIGKILL);
  RemoveGroup(name);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_FALSE(fs::exists(unified));
  EXPECT_FALSE(fs::exists(memory));
}

// The box as a whole, where this machine has the means.
class GroupedBox : public ::testing::Test {
 protected:
  GroupedBox() : box_(*FindDriver("bubblewrap")), can_(FindDriver("bubblewrap")->CanEnforce()) {}
  TestBox box_;
  const Enforceable can_;
};

TEST_F(GroupedBox, AMemoryBombIsKilledAndCounted) {
  if (!can_.memory) {
    EXPECT_NE(::geteuid(), 0) << "root has memory groups on this machine";
    return;
  }
  box_.spec.limits.memory_bytes = 64 << 20;
  box_.Script("head -c 300000000 /dev/zero | tail; exit 3");
  const auto box = box_.Start();
  ASSERT_TRUE(box);
  AwaitExit(*box);
  ASSERT_TRUE(box->Finish());
  const Usage usage = box->usage();
  EXPECT_GE(usage.oom_kills, 1);
  EXPECT_GE(usage.memory_peak_bytes.value_or(0), 60 << 20);
  EXPECT_LE(usage.memory_peak_bytes.value_or(0), 64 << 20);
}

TEST_F(GroupedBox, ItsProcessesAreHeldToTheirShareOfTheProcessor) {
  if (!can_.cpu) {
    EXPECT_NE(::geteuid(), 0) << "root has cpu groups on this machine";
    return;
  }
  box_.spec.limits.cpu = 0.25;
  box_.Script("echo up; exec sleep 1000");
  const auto box = box_.Start();
  ASSERT_TRUE(box);
  std::string out;
  ReadPipe(box->stdout_pipe(), out, "up\n");
  const GroupPlaces places = FindPlaces();
  const bool v1 = !places.cpu.empty();
  const fs::path group = (v1 ? places.cpu : places.unified) / GroupName(box_.spec.name);
  EXPECT_EQ(Read(group / (v1 ? "cpu.cfs_quota_us" : "cpu.max")), v1 ? "25000" : "25000 100000");
  // bwrap, the first process inside and the agent.
  EXPECT_EQ(Split(Read(group / "cgroup.procs"), '\n').size(), 3u);
  box->Kill();
  AwaitExit(*box);
  ASSERT_TRUE(box->Finish());
  EXPECT_GT(box->usage().cpu_us.value_or(0), 0);
}

TEST_F(GroupedBox, LeavesNoGroupBehind) {
  const auto end = box_.Run("exit 0");
  ASSERT_TRUE(end.end) << end.end.error().message;
  const GroupPlaces places = FindPlaces();
  for (const auto& place :
       {places.memory, places.pids, places.cpu, places.cpu_time, places.unified}) {
    EXPECT_FALSE(!place.empty() && fs::exists(place / GroupName(box_.spec.name))) << place;
  }
}

}  // namespace
}  // namespace vm0::sandbox
