// SPDX-License-Identifier: Apache-2.0
#include "sandbox/bubblewrap_driver.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "os/file.h"
#include "sandbox/control_group.h"
#include "sandbox/process_tree.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {
namespace {

namespace fs = std::filesystem;

class BubblewrapTest : public ::testing::Test {
 protected:
  std::string Print(const std::string& script) {
    const auto end = box.Run(script);
    EXPECT_TRUE(end.end) << end.end.error().message;
    return end.out + end.err;
  }
  std::string ReasonOf(const BoxEnd& end) { return end.end ? "it ran" : end.end.error().message; }

  TestBox box{BubblewrapDriver()};
};

TEST_F(BubblewrapTest, RunsTheAgentAsUser1000WithoutAnyRight) {
  EXPECT_EQ(Print("id -u; id -g; id -un; cd; pwd; hostname"),
            "1000\n1000\nagent\n/home/agent\nagent\n");
  EXPECT_EQ(Print("grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status"),
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
            "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

TEST_F(BubblewrapTest, ShowsNothingOfItsFirstProcess) {
  box.spec.environment["SECRET"] = "hunter2-hunter2";
  EXPECT_EQ(Print("for f in environ maps mem exe cwd root auxv stack syscall; do "
                  "cat /proc/1/$f >/dev/null 2>&1 && echo $f can be read; done; "
                  "ls /proc/1/fd /proc/1/task/1/fd 2>/dev/null; readlink /proc/1/exe; true"),
            "");
  EXPECT_EQ(Print("tr '\\0' ' ' </proc/1/cmdline | sed 's/[0-9]\\+/N/g'"),
            "/proc/self/fd/N launch ");
}

TEST_F(BubblewrapTest, ShowsNoOtherProcess) {
  const std::string script = "ls /proc >/tmp/seen; grep -c '^[0-9]' /tmp/seen";
  EXPECT_EQ(Print(script), "3\n") << "pid 1, sh, ls";
}

TEST_F(BubblewrapTest, ShowsTheSystemAndTheRunsFoldersOnly) {
  std::ofstream(box.folder() / "secret") << "hunter2";
  EXPECT_EQ(
      Print(
          "ls /home; ls -d /root /opt /srv /mnt /boot /sys " + box.folder().native() +
          " 2>/dev/null; ls /etc/shadow /etc/ssl/private /run/* 2>/dev/null; ls /var 2>/dev/null; "
          "ls -A /home/agent /workspace /tmp"),
      "agent\ntmp\n/home/agent:\n\n/tmp:\n\n/workspace:\n");
}

TEST_F(BubblewrapTest, LetsWriteToTheRunsFoldersOnly) {
  EXPECT_EQ(Print("for d in ~ /workspace /tmp /var/tmp /dev/shm; do touch $d/f || echo $d; done"),
            "");
  EXPECT_EQ(Print("for d in / /usr /usr/bin /etc /run /var /home /dev /dev/pts /proc; do "
                  "touch $d/f 2>/dev/null && echo $d; done; "
                  "chmod u+w /etc/passwd 2>/dev/null && echo chmod; "
                  "echo x 2>/dev/null >>/etc/passwd && echo passwd; true"),
            "");
  EXPECT_TRUE(fs::exists(box.spec.home / "f"));
  EXPECT_TRUE(fs::exists(box.spec.workspace / "f"));
  EXPECT_TRUE(fs::exists(box.spec.tmp / "f"));
}

TEST_F(BubblewrapTest, BoundsTheSharedMemory) {
  EXPECT_EQ(Print("df -B1 --output=size /dev/shm | tail -1 | tr -d ' '"), "67108864\n");
}

TEST_F(BubblewrapTest, GivesWorkingDevices) {
  EXPECT_EQ(Print("echo x >/dev/null; head -c3 /dev/zero | wc -c; head -c3 /dev/urandom | wc -c; "
                  "echo y >/dev/full; ls /dev/kvm /dev/vda /dev/mem /dev/vsock 2>/dev/null; true"),
            "3\n3\n/bin/sh: 1: echo: echo: I/O error\n");
}

TEST_F(BubblewrapTest, HasALoopbackOfItsOwnOrTheHostsNetwork) {
  const std::string list = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
  for (const Network network : {Network::kNone, Network::kAllowlist}) {
    box.spec.network = network;
    EXPECT_EQ(Print(list + "; readlink /proc/self/ns/net >/workspace/ns"), "lo\n");
    EXPECT_NE(os::ReadFile(box.spec.workspace / "ns"),
              fs::read_symlink("/proc/self/ns/net").native() + "\n");
  }
  box.spec.network = Network::kFull;
  EXPECT_EQ(Print("readlink /proc/self/ns/net"),
            fs::read_symlink("/proc/self/ns/net").native() + "\n");
  EXPECT_EQ(Print("ls /etc/resolv.conf"),
            fs::exists("/etc/resolv.conf") ? "/etc/resolv.conf\n" : "");
}

TEST_F(BubblewrapTest, HandsOutAListenerThatTheAgentReaches) {
  box.spec.network = Network::kAllowlist;
  box.spec.argv = {"/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3128; echo ask >&3; cat <&3"};
  auto running = box.Start();
  pollfd channel{running->proxy_channel().get(), POLLIN, 0};
  ASSERT_EQ(::poll(&channel, 1, 20'000), 1);
  const auto listener = ReceiveProxyListener(running->proxy_channel().get());
  ASSERT_TRUE(listener) << listener.error().message;
  pollfd caller{listener->get(), POLLIN, 0};
  ASSERT_EQ(::poll(&caller, 1, 20'000), 1);
  os::Fd connection(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::string asked;
  ReadPipe(connection, asked, "ask\n");
  ASSERT_TRUE(os::WriteAll(connection.get(), "answer"));
  connection.Close();
  std::string out;
  ReadPipe(running->stdout_pipe(), out);
  EXPECT_EQ(out, "answer");
}

TEST_F(BubblewrapTest, EndsTheProxyChannelWhenThereIsNoBox) {
  box.spec.network = Network::kAllowlist;
  box.Script("true");
  box.spec.home = box.folder() / "no-such-home";
  auto running = box.Start();
  ASSERT_NE(running, nullptr);
  AwaitExit(*running);
  EXPECT_FALSE(ReceiveProxyListener(running->proxy_channel().get()));
  const auto end = running->Finish();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kSandboxUnavailable);
  EXPECT_NE(end.error().message.find("no-such-home"), std::string::npos) << end.error().message;
  box.spec.network = Network::kNone;
  EXPECT_FALSE(box.Start()->proxy_channel().is_open());
}

TEST_F(BubblewrapTest, HoldsTheAgentToItsLimits) {
  box.spec.limits.pids = 20;
  box.spec.limits.open_files = 64;
  box.spec.limits.file_bytes = 4096;
  EXPECT_EQ(Print("ulimit -n; ulimit -f; bash -c 'ulimit -u'"), "64\n8\n21\n");
  EXPECT_EQ(Print("head -c 5000 /dev/zero >f 2>/dev/null; stat -c %s f").substr(0, 5), "4096\n");
  const std::string forked = Print("for i in $(seq 40); do sleep 1000 & done; echo all");
  EXPECT_NE(forked.find("annot fork"), std::string::npos) << forked;
}

TEST_F(BubblewrapTest, LeavesNoSetUidFileInAUsersFolder) {
  box.spec.workspace_kind = WorkspaceKind::kUsers;
  Print("cp /bin/sh s; chmod 4755 s; chmod u+s s; chmod g+s .; install -m 4755 /bin/sh t; true");
  for (const char* name : {"s", "t", "."}) {
    const auto mode = fs::status(box.spec.workspace / name).permissions();
    EXPECT_EQ(mode & (fs::perms::set_uid | fs::perms::set_gid), fs::perms::none) << name;
  }
}

// A host program in an installation of node_modules, called by a link on PATH.
class InstallationTest : public BubblewrapTest {
 protected:
  InstallationTest() {
    fs::create_directories(host / "bin");
    fs::create_directories(modules / "agent/node_modules/part");
    std::ofstream(modules / "agent/node_modules/part/file") << "part\n";
    WriteScript(modules / "agent/cli.sh",
                "#!/usr/bin/env own-sh\n"
                "cat \"$(dirname \"$0\")/node_modules/part/file\"; echo \"$1\"\n"
                "touch \"$0\" 2>/dev/null && echo written\n"
                "exit 3\n");
    fs::create_symlink("../lib/node_modules/agent/cli.sh", host / "bin/agent");
    fs::copy_file("/bin/sh", host / "sh-1.0");
    fs::create_symlink("../sh-1.0", host / "bin/own-sh");
    ::chmod(host.c_str(), 0700);
  }
  // In a box of its own: what is shown of /tmp leaves its places in the box's.
  BoxEnd RunShown(std::vector<std::string> argv) {
    TestBox fresh(BubblewrapDriver());
    fresh.spec.show_installation = true;
    fresh.spec.environment["PATH"] = (host / "bin").native() + ":/usr/bin:/bin";
    fresh.spec.host_path = host_path;
    fresh.spec.argv = std::move(argv);
    return fresh.Run();
  }
  fs::path host = box.folder() / "host";
  fs::path modules = host / "lib/node_modules";
  std::string host_path = (host / "bin").native() + ":/usr/bin:/bin";
};

TEST_F(InstallationTest, IsShownWithItsInterpreterAndNothingElse) {
  std::ofstream(host / "other") << "hunter2";
  auto end = RunShown({host / "bin/agent", "argument"});
  EXPECT_EQ(end.out, "part\nargument\n") << end.err << ReasonOf(end);
  EXPECT_EQ(end.end->code, 3);
  end = RunShown({"agent", "by name"});
  EXPECT_EQ(end.out, "part\nby name\n") << end.err << ReasonOf(end);
  WriteScript(modules / "agent/cli.sh", "#!/bin/sh\nls " + host.native() + "\n");
  EXPECT_EQ(RunShown({"agent"}).out, "bin\nlib\n") << "bin holds the link";
}

TEST_F(InstallationTest, IsNotLookedForOnThePathThatTheAgentGets) {
  host_path = "/usr/bin:/bin";
  const auto end = RunShown({host / "bin/agent", "argument"});
  EXPECT_THAT(end.err, testing::HasSubstr("own-sh")) << end.out;
  EXPECT_EQ(end.end->code, 127) << "env found no interpreter";
}

TEST_F(InstallationTest, MayBeCalledByALinkOfItsOwn) {
  fs::create_directories(modules / ".bin");
  fs::create_symlink("../agent/cli.sh", modules / ".bin/agent");
  const auto end = RunShown({modules / ".bin/agent", "argument"});
  EXPECT_EQ(end.out, "part\nargument\n") << end.err << ReasonOf(end);
}

TEST_F(InstallationTest, IsRefusedWhereItWouldShowTheDataDirectory) {
  box.spec.show_installation = true;
  const fs::path data = box.folder() / "data";
  WriteScript(data / "agent", "#!/bin/sh\n");
  box.spec.argv = {data / "agent"};
  auto end = box.Run();
  EXPECT_NE(ReasonOf(end).find("lies in vm0's data directory"), std::string::npos) << ReasonOf(end);
  EXPECT_EQ(end.end.error().code, Code::kSandboxUnavailable);
  box.spec.home = modules / "data/runs/1/home";
  box.spec.argv = {modules / "agent/cli.sh"};
  end = box.Run();
  EXPECT_NE(ReasonOf(end).find("holds vm0's data directory"), std::string::npos) << ReasonOf(end);
  EXPECT_EQ(end.end.error().code, Code::kSandboxUnavailable);
}

TEST_F(BubblewrapTest, SaysHowToShowAProgramThatIsNotInside) {
  WriteScript(box.folder() / "agent", "#!/bin/sh\n");
  box.spec.argv = {box.folder() / "agent"};
  const std::string reason = ReasonOf(box.Run());
  EXPECT_TRUE(reason.starts_with("execute " + (box.folder() / "agent").native() +
                                 ": No such file or directory (the sandbox shows "))
      << reason;
}

TEST_F(BubblewrapTest, RefusesWithTheRemedyWithoutBubblewrap) {
  const auto driver = MakeBubblewrapDriver("/nowhere/bwrap");
  const auto status = driver->Preflight();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kSandboxUnavailable);
  EXPECT_EQ(status.error().message,
            "sandbox bubblewrap: bwrap is not installed: apt-get install bubblewrap");
}

TEST_F(BubblewrapTest, PassesOnWhatBubblewrapSays) {
  WriteScript(box.folder() / "bwrap", "#!/bin/sh\necho 'bwrap: no luck today' >&2\nexit 1\n");
  ::chmod(box.folder().c_str(), 0755);
  const auto driver = MakeBubblewrapDriver(box.folder() / "bwrap");
  TestBox broken(*driver);
  const auto end = broken.Run("true");
  ASSERT_FALSE(end.end);
  EXPECT_EQ(end.end.error().code, Code::kSandboxUnavailable);
  EXPECT_EQ(end.end.error().message, "sandbox bubblewrap: bwrap: no luck today");
}

// As root it tries out as another user, all of whose processes end when bwrap dies too early.
TEST(Bubblewrap, APreflightClearsAwayWhatOneLeftWhoseProcessWasKilled) {
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  const auto folder = [](pid_t pid, const char* end) {
    return fs::path("/tmp") / ("vm0-preflight-" + std::to_string(pid) + "-" + end);
  };
  const TestFolder elsewhere;
  std::ofstream(elsewhere.path() / "file") << "text";
  fs::create_directories(folder(dead, "abcdef") / "home");
  fs::create_directories(folder(::getpid(), "abcdef"));
  fs::create_symlink(elsewhere.path(), folder(dead, "uvwxyz"));
  const fs::path group = FindPlaces().pids / GroupName(folder(dead, "abcdef").filename());
  const bool grouped = !FindPlaces().pids.empty() && ::mkdir(group.c_str(), 0755) == 0;
  const auto status = BubblewrapDriver().Preflight();
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_FALSE(fs::exists(folder(dead, "abcdef")));
  EXPECT_FALSE(grouped && fs::exists(group)) << group;
  EXPECT_TRUE(fs::exists(folder(::getpid(), "abcdef"))) << "its process lives";
  EXPECT_TRUE(fs::exists(elsewhere.path() / "file"));
  fs::remove_all(folder(::getpid(), "abcdef"));
  fs::remove(folder(dead, "uvwxyz"));
}

TEST(Bubblewrap, APreflightThatFailsEndsNoProcessOfTheHost) {
  TestBox box(BubblewrapDriver());
  WriteScript(box.folder() / "bwrap", "#!/bin/sh\nsleep 60 &\nkill -9 $$\n");
  ::chmod(box.folder().c_str(), 0755);
  os::Pipe up = std::move(*os::MakePipe());
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    constexpr uid_t kNobody = 65534;  // whom daemons like to be
    if (::geteuid() == 0 && ::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(1);
    (void)os::WriteAll(up.write.get(), "u");
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(up.read.get(), &byte, 1), 1);
  const auto driver = MakeBubblewrapDriver(box.folder() / "bwrap");
  EXPECT_FALSE(driver->Preflight());
  EXPECT_EQ(::waitpid(daemon, nullptr, WNOHANG), 0) << "it was killed";
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
}

}  // namespace
}  // namespace vm0::sandbox
