// SPDX-License-Identifier: Apache-2.0
// What every driver does, on this machine's kernel.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/text.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

constexpr const char* kStubborn =
    "trap '' INT TERM; setsid sh -c 'trap \"\" INT TERM; sleep 1000' & "
    "echo up; while :; do sleep 1000; done";

class EveryDriver : public ::testing::TestWithParam<std::string_view> {
 protected:
  static const Driver& driver() { return *FindDriver(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Sandbox, EveryDriver, ::testing::ValuesIn(DriverNames()),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(EveryDriver, GivesOutputAndExitCode) {
  TestBox box(driver());
  const auto end = box.Run("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(end.end) << end.end.error().message;
  EXPECT_EQ(end.out, "out\n");
  EXPECT_EQ(end.err, "err\n");
  EXPECT_EQ(end.end->code, 7);
  EXPECT_EQ(end.end->signal, 0);
}

TEST_P(EveryDriver, TellsTheSignalThatKilledTheAgent) {
  TestBox box(driver());
  const auto end = box.Run("kill -SEGV $$");
  ASSERT_TRUE(end.end) << end.end.error().message;
  EXPECT_EQ(end.end->signal, SIGSEGV);
}

TEST_P(EveryDriver, GivesTheAgentExactlyItsEnvironment) {
  TestBox box(driver());
  box.spec.environment = {
      {"A", "1"}, {"HOME", "/h"}, {"ODD", "a=b \"c\"\n\xe2\x80\xa8"}, {"TMPDIR", "/t"}};
  box.spec.argv = {"/usr/bin/env", "-0"};
  using namespace std::string_literals;
  EXPECT_EQ(box.Run().out, "A=1\0HOME=/h\0ODD=a=b \"c\"\n\xe2\x80\xa8\0TMPDIR=/t\0"s);
}

TEST_P(EveryDriver, OffersTheAgentFirstWhenMemoryIsShort) {
  TestBox box(driver());
  const auto end = box.Run("cat /proc/self/oom_score_adj");
  EXPECT_EQ(end.out, "500\n") << end.err;
}

TEST_P(EveryDriver, SetsHomeToTheHomeThatTheAgentCanUse) {
  TestBox box(driver());
  const auto end = box.Run("echo hi >$HOME/f && cat $HOME/f");
  EXPECT_EQ(end.out, "hi\n") << end.err;
  EXPECT_TRUE(std::filesystem::exists(box.spec.home / "f"));
}

TEST_P(EveryDriver, WorksInTheWorkspaceOrBelowIt) {
  TestBox box(driver());
  std::filesystem::create_directory(box.spec.workspace / "sub");
  for (const auto& [wanted, marker] : std::map<std::string, std::string>{
           {"", "a"}, {"/workspace", "b"}, {"/workspace/sub", "sub/c"}, {"sub", "sub/d"}}) {
    ::chmod((box.spec.workspace / "sub").c_str(), 0777);
    box.spec.working_dir = wanted;
    const auto end = box.Run("echo x >" + std::filesystem::path(marker).filename().native());
    EXPECT_TRUE(std::filesystem::exists(box.spec.workspace / marker)) << wanted << end.err;
  }
  box.spec.working_dir = "/usr";
  EXPECT_EQ(box.Run("pwd").out, "/usr\n");
}

TEST_P(EveryDriver, LeaksNoDescriptorIntoTheAgent) {
  TestBox box(driver());
  const os::Fd inheritable(::open("/dev/null", O_RDONLY));  // not close-on-exec: somebody's mistake
  // The shell has one open while it lists them, and none when it looks at each.
  const auto end = box.Run("for f in /proc/$$/fd/*; do [ ! -e $f ] || printf '%s ' ${f##*/}; done");
  EXPECT_EQ(end.out, "0 1 2 ") << end.err;
}

TEST_P(EveryDriver, ResetsSignalsAndForbidsNewPrivileges) {
  TestBox box(driver());
  box.spec.argv = {"/bin/grep", "-E", "^(SigBlk|SigIgn|NoNewPrivs)", "/proc/self/status"};
  const auto end = box.Run();
  EXPECT_EQ(end.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nNoNewPrivs:\t1\n")
      << "order is that of the kernel; " << end.err;
}

TEST_P(EveryDriver, KillsWhatTheAgentLeavesBehind) {
  TestBox box(driver());
  const auto end = box.Run(
      "for i in 1 2 3 4 5; do setsid sh -c 'sleep 1000 & sleep 1000' & done; setsid -f sleep 1000; "
      "echo done");
  ASSERT_TRUE(end.end) << end.end.error().message;
  EXPECT_EQ(end.out, "done\n");
  EXPECT_EQ(end.end->code, 0);
  EXPECT_EQ(box.Leftovers(), 0);
}

TEST_P(EveryDriver, KillTakesTheWholeTree) {
  TestBox box(driver());
  box.Script(kStubborn);
  auto running = box.Start();
  std::string out;
  ReadPipe(running->stdout_pipe(), out, "up\n");
  running->Kill();
  ReadPipe(running->stdout_pipe(), out);
  AwaitExit(*running);
  const auto end = running->Finish();
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->signal, SIGKILL);
  EXPECT_EQ(box.Leftovers(), 0);
}

TEST_P(EveryDriver, DestroyingABoxKillsTheTree) {
  TestBox box(driver());
  box.Script(kStubborn);
  auto running = box.Start();
  std::string out;
  ReadPipe(running->stdout_pipe(), out, "up\n");
  running.reset();
  EXPECT_EQ(box.Leftovers(), 0);
}

TEST_P(EveryDriver, PassesSignalsToTheAgentsGroup) {
  for (const auto& [signal, name] :
       std::map<int, std::string>{{SIGINT, "INT"}, {SIGTERM, "TERM"}}) {
    TestBox box(driver());
    box.Script("trap 'exit 9' " + name + "; sh -c 'trap \"echo child; exit\" " + name +
               "; echo up; while :; do sleep 1; done'");
    auto running = box.Start();
    std::string out;
    ReadPipe(running->stdout_pipe(), out, "up\n");
    running->Signal(signal);
    ReadPipe(running->stdout_pipe(), out);
    AwaitExit(*running);
    const auto end = running->Finish();
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_EQ(end->code, 9) << name;
    EXPECT_NE(out.find("child\n"), std::string::npos) << out;
  }
}

std::string ReasonOf(const BoxEnd& end) { return end.end ? "it ran" : end.end.error().message; }

TEST_P(EveryDriver, NamesTheFileThatCanNotBeExecuted) {
  TestBox box(driver());
  box.spec.argv = {"/nowhere/agent"};
  EXPECT_TRUE(ReasonOf(box.Run()).starts_with("execute /nowhere/agent: No such file or directory"));
  box.spec.argv = {"no-such-agent"};
  EXPECT_EQ(ReasonOf(box.Run()),
            "execute no-such-agent: not found in /usr/local/bin:/usr/bin:/bin");
  box.spec.argv = {"./agent"};
  EXPECT_TRUE(ReasonOf(box.Run()).starts_with("execute ./agent: No such file or directory"));
  box.spec.argv = {"/etc/passwd"};
  EXPECT_EQ(ReasonOf(box.Run()), "execute /etc/passwd: Permission denied");
  WriteScript(box.spec.workspace / "agent", "#!/nowhere/node\n");
  box.spec.argv = {"./agent"};
  EXPECT_TRUE(ReasonOf(box.Run()).starts_with(
      "execute ./agent: No such file or directory (its interpreter is /nowhere/node"));
  WriteScript(box.spec.workspace / "agent", "no program\n");
  EXPECT_EQ(ReasonOf(box.Run()),
            "execute ./agent: Exec format error (neither a program for this machine nor a script "
            "with #!)");
}

TEST_P(EveryDriver, NamesTheFolderThatIsMissing) {
  TestBox box(driver());
  box.spec.working_dir = "/workspace/no-such-folder";
  const std::string reason = ReasonOf(box.Run("true"));
  EXPECT_TRUE(reason.starts_with("change directory to ")) << reason;
  EXPECT_TRUE(reason.ends_with("/no-such-folder: No such file or directory")) << reason;
}

TEST_P(EveryDriver, KeepsAReadOnlyWorkspaceAsItIs) {
  TestBox box(driver());
  std::ofstream(box.spec.workspace / "f") << "old\n";
  box.spec.workspace_kind = WorkspaceKind::kUsersReadOnly;
  const auto end =
      box.Run("cat f; echo new >f; rm -f f; touch g; mount -o remount,rw . 2>&1; cat f");
  EXPECT_TRUE(end.out.starts_with("old\n")) << end.err << ReasonOf(end);
  EXPECT_TRUE(end.out.ends_with("old\n")) << end.out;
  EXPECT_FALSE(std::filesystem::exists(box.spec.workspace / "g"));
}

TEST_P(EveryDriver, DiesWithItsParent) {
  TestBox box(driver());
  const auto fifo = box.spec.workspace / "held";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0666), 0);
  ::chmod(fifo.c_str(), 0666);
  const os::Fd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  box.Script(
      "exec 9>held; setsid sh -c 'trap \"\" INT TERM; sleep 1000' & echo up >&9; sleep 1000");
  const pid_t parent = ::fork();
  if (parent == 0) {
    auto running = driver().Start(box.spec);
    if (running) AwaitExit(**running);
    ::_exit(1);
  }
  std::string text;
  os::Fd pipe(::dup(reader.get()));
  while (text.find("up\n") == std::string::npos) {
    ASSERT_EQ(::waitpid(parent, nullptr, WNOHANG), 0) << "the box did not start";
    ReadPipe(pipe, text, "up\n");
  }
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  // The end of the pipe comes when the last process that holds it is gone.
  ReadPipe(pipe, text);
  EXPECT_EQ(text, "up\n");
}

TEST_P(EveryDriver, PassesItsPreflight) {
  const auto status = driver().Preflight();
  EXPECT_TRUE(status) << status.error().message;
}

TEST(Drivers, AreFoundByNameTheIsolatingOnesFirst) {
  EXPECT_EQ(DriverNames(), (std::vector<std::string_view>{"bubblewrap", "none"}));
  EXPECT_EQ(FindDriver("firecracker"), nullptr);
  EXPECT_TRUE(FindDriver("bubblewrap")->isolates());
  EXPECT_FALSE(FindDriver("none")->isolates());
}

}  // namespace
}  // namespace vm0::sandbox
