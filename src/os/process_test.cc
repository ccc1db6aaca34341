// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "os/file.h"

namespace vm0::os {
namespace {

// Runs a shell script to its end; its stdout.
struct Output {
  std::string text;
  ExitStatus status;
  pid_t pid;
};
Output RunScript(const std::string& script, SpawnOptions options = {}) {
  auto pipe = MakePipe();
  EXPECT_TRUE(pipe);
  options.executable = "/bin/sh";
  options.argv = {"sh", "-c", script};
  options.descriptors.emplace(1, pipe->write.get());
  auto child = Spawn(options);
  EXPECT_TRUE(child) << child.error().message;
  pipe->write.Close();
  Output output;
  char buffer[4096];
  for (ssize_t n; (n = ::read(pipe->read.get(), buffer, sizeof buffer)) > 0;) {
    output.text.append(buffer, static_cast<std::size_t>(n));
  }
  output.pid = child->pid;
  output.status = Wait(child->pid).value();
  return output;
}

TEST(Spawn, ReportsExitCodeAndSignal) {
  EXPECT_EQ(RunScript("exit 7").status.code, 7);
  const auto killed = RunScript("kill -9 $$").status;
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_EQ(killed.shell_code(), 137);
}

TEST(Spawn, ReportsThatTheExecutableCannotBeExecuted) {
  auto missing = Spawn({.executable = "/nonexistent/agent", .argv = {"agent"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kIo);
  EXPECT_NE(missing.error().message.find("/nonexistent/agent"), std::string::npos);
  EXPECT_NE(missing.error().message.find("No such file"), std::string::npos);
  auto not_executable = Spawn({.executable = "/etc/passwd", .argv = {"passwd"}});
  ASSERT_FALSE(not_executable);
  EXPECT_NE(not_executable.error().message.find("Permission denied"), std::string::npos);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a zombie was left";
}

TEST(Spawn, ReportsAMissingDirectoryByItsName) {
  auto child = Spawn({.executable = "/bin/true", .argv = {"true"}, .directory = "/no/such/dir"});
  ASSERT_FALSE(child);
  EXPECT_NE(child.error().message.find("/no/such/dir"), std::string::npos);
}

TEST(Spawn, GivesExactlyTheEnvironmentNamed) {
  ::setenv("VM0_NOT_FOR_CHILDREN", "1", 1);
  SpawnOptions options;
  options.environment = {{"A", "x=y"}, {"B", "two\nlines"}, {"EMPTY", ""}};
  EXPECT_EQ(RunScript("tr '\\0' '|' < /proc/self/environ", options).text,
            "A=x=y|B=two\nlines|EMPTY=|");
  options.environment = {{"BAD=NAME", "1"}};
  options.executable = "/bin/true";
  EXPECT_FALSE(Spawn(options));
}

TEST(Spawn, GivesNoDescriptorThatIsNotNamed) {
  const Fd kept(::open("/dev/null", O_RDONLY));  // deliberately not close-on-exec
  const Fd high(::fcntl(kept.get(), F_DUPFD, 200));
  const auto output =
      RunScript("cd /proc/self/fd; for f in [3-9] [1-9]?*; do readlink $f; done; true");
  EXPECT_EQ(output.text.find("/dev/null"), std::string::npos) << output.text;
}

TEST(Spawn, ConnectsUnnamedStandardStreamsToDevNull) {
  EXPECT_EQ(RunScript("readlink /proc/$$/fd/0; readlink /proc/$$/fd/2").text,
            "/dev/null\n/dev/null\n");
}

TEST(Spawn, PlacesDescriptorsThatOverlap) {
  const Fd first = MakeMemFile("first", "1").value();
  const Fd second = MakeMemFile("second", "2").value();
  SpawnOptions options;
  options.descriptors = {{first.get(), second.get()}, {second.get(), first.get()}};
  const auto script =
      "cat <&" + std::to_string(first.get()) + "; cat <&" + std::to_string(second.get());
  EXPECT_EQ(RunScript(script, options).text, "21");
  const Fd same = MakeMemFile("same", "same").value();
  options.descriptors = {{same.get(), same.get()}, {0, same.get()}};
  EXPECT_EQ(RunScript("cat", options).text, "same");
}

TEST(Spawn, StartsASessionIfAskedTo) {
  const std::string script = "set -- $(cat /proc/$$/stat); echo $6";
  SpawnOptions options;
  EXPECT_EQ(RunScript(script, options).text, std::to_string(::getsid(0)) + "\n");
  options.new_session = true;
  const auto output = RunScript(script, options);
  EXPECT_EQ(output.text, std::to_string(output.pid) + "\n");
}

TEST(Spawn, ResetsSignalsThatWeIgnoreOrBlock) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  const auto output = RunScript("grep -E '^Sig(Blk|Ign)' /proc/self/status");
  sigset_t after;
  ::sigprocmask(SIG_UNBLOCK, &blocked, &after);
  ::sigaction(SIGPIPE, &before, nullptr);
  EXPECT_EQ(output.text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  EXPECT_TRUE(::sigismember(&after, SIGTERM)) << "our own mask must come back";
}

TEST(Spawn, ExecutesADescriptorEvenWhenItsNumberIsNamedForTheChild) {
  const Fd shell(::open("/bin/sh", O_RDONLY | O_CLOEXEC));
  const Fd input = MakeMemFile("input", "exit 9").value();
  SpawnOptions options;
  options.executable = "/proc/self/fd/" + std::to_string(shell.get());
  options.argv = {"sh", "/proc/self/fd/" + std::to_string(shell.get())};
  options.descriptors = {{shell.get(), input.get()}};
  auto child = Spawn(options);
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(Wait(child->pid)->code, 9);
}

TEST(Spawn, PidFdBecomesReadableAtTheEnd) {
  const Pipe pipe = MakePipe().value();
  auto child =
      Spawn({.executable = "/bin/cat", .argv = {"cat"}, .descriptors = {{0, pipe.read.get()}}});
  ASSERT_TRUE(child);
  pollfd ended{child->pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0);
  EXPECT_TRUE(SignalPidFd(child->pidfd.get(), SIGTERM));
  EXPECT_EQ(::poll(&ended, 1, -1), 1);
  EXPECT_EQ(Wait(child->pid)->signal, SIGTERM);
  EXPECT_EQ(SignalPidFd(child->pidfd.get(), SIGTERM).error().code, Code::kNotFound);
  EXPECT_EQ(OpenPidFd(child->pid).error().code, Code::kNotFound);
}

TEST(FindProgram, TakesTheFirstExecutableFile) {
  char name[] = "/tmp/vm0-find-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  ASSERT_TRUE(WriteFileAtomic(directory + "/sh", "not executable"));
  ASSERT_TRUE(MakeDirs(directory + "/true"));
  const std::string path = "::" + directory + ":/bin";
  EXPECT_EQ(FindProgram("sh", path), "/bin/sh");
  EXPECT_EQ(FindProgram("true", path), "/bin/true");
  EXPECT_EQ(FindProgram("vm0-no-such-program", path), std::nullopt);
  EXPECT_EQ(FindProgram("/bin/sh", path), std::nullopt);
  std::filesystem::remove_all(directory);
}

TEST(BootId, IsAUuidWithoutLineBreak) { EXPECT_EQ(BootId().value().size(), 36u); }

}  // namespace
}  // namespace vm0::os
