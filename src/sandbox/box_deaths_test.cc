// SPDX-License-Identifier: Apache-2.0
// Whoever dies, and when: nothing of a box stays.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/text.h"
#include "os/file.h"
#include "sandbox/test_box.h"

namespace vm0::sandbox {

int RunWithoutNamespaces(const std::function<void()>& test);  // test_main_test.cc

namespace {

constexpr const char* kAgent = "echo up; setsid sleep 1000 & sleep 1000";

// A point in a box's start that can be seen from outside.
enum class Moment {
  kStarted,  // the launcher runs
  kBwrap,    // it has become bwrap
  kCloned,   // bwrap has a child, which waits for it
  kInside,   // our first process runs inside
  kAgentUp,  // and the agent
};
constexpr Moment kMoments[] = {Moment::kStarted, Moment::kBwrap, Moment::kCloned, Moment::kInside,
                               Moment::kAgentUp};

pid_t PidOf(int pidfd) {
  const std::string info = os::ReadFile("/proc/self/fdinfo/" + std::to_string(pidfd)).value_or("");
  for (const std::string_view line : Split(info, '\n')) {
    if (line.starts_with("Pid:\t")) return static_cast<pid_t>(ParseInt(line.substr(5)).value_or(0));
  }
  return 0;
}

std::string ReadOf(pid_t pid, const std::string& file) {
  return os::ReadFile("/proc/" + std::to_string(pid) + "/" + file).value_or("");
}

pid_t ChildOf(pid_t pid) {
  const std::string children = ReadOf(pid, "task/" + std::to_string(pid) + "/children");
  return static_cast<pid_t>(ParseInt(children.substr(0, children.find(' '))).value_or(0));
}

bool HasCome(Moment moment, pid_t bwrap) {
  const bool is_bwrap = ReadOf(bwrap, "cmdline").starts_with("bwrap");
  const pid_t child = ChildOf(bwrap);
  switch (moment) {
    case Moment::kStarted:
      return true;
    case Moment::kBwrap:
      return is_bwrap;
    case Moment::kCloned:
      return is_bwrap && child != 0;
    case Moment::kInside:
      return child != 0 && ReadOf(child, "cmdline").contains("launch");
    case Moment::kAgentUp:
      return child != 0 && ChildOf(child) != 0 && ReadOf(ChildOf(child), "cmdline").contains("up");
  }
  return false;
}

// Until then, or until bwrap has ended: states pass quickly, and one may be missed.
void Await(Moment moment, pid_t bwrap) {
  const auto has_ended = [bwrap] {
    const std::string status = ReadOf(bwrap, "status");
    return status.empty() || status.contains("State:\tZ");
  };
  while (!HasCome(moment, bwrap) && !has_ended()) {
  }
}

// A box that has come to that moment of its start.
struct BoxAt {
  explicit BoxAt(Moment moment) {
    box.Script(kAgent);
    running = box.Start();
    bwrap = PidOf(running->exit_fd());
    Await(moment, bwrap);
  }
  TestBox box{*FindDriver("bubblewrap")};
  std::unique_ptr<Box> running;
  pid_t bwrap = 0;
};

TEST(BoxDeaths, OfBwrapLeaveNothing) {
  for (const Moment moment : kMoments) {
    BoxAt at(moment);
    ::kill(at.bwrap, SIGKILL);
    AwaitExit(*at.running);
    const auto end = at.running->Finish();
    EXPECT_FALSE(end) << static_cast<int>(moment);
    EXPECT_EQ(at.box.Leftovers(), 0) << static_cast<int>(moment);
  }
}

TEST(BoxDeaths, OfBwrapLeaveNothingWhenTheBoxIsDestroyedWithoutAnEnd) {
  for (const Moment moment : kMoments) {
    BoxAt at(moment);
    ::kill(at.bwrap, SIGKILL);
    at.running.reset();
    EXPECT_EQ(at.box.Leftovers(), 0) << static_cast<int>(moment);
  }
}

TEST(BoxDeaths, ByKillAreCompleteAtAnyMoment) {
  for (const Moment moment : kMoments) {
    BoxAt at(moment);
    at.running->Kill();
    AwaitExit(*at.running);
    const auto end = at.running->Finish();
    ASSERT_TRUE(end) << static_cast<int>(moment) << end.error().message;
    EXPECT_EQ(end->signal, SIGKILL);
    EXPECT_EQ(at.box.Leftovers(), 0) << static_cast<int>(moment);
  }
}

// A process that starts a box and does nothing more.
struct Supervisor {
  pid_t pid = -1;
  pid_t bwrap = 0;
  os::Fd bwrap_end;
};

Supervisor StartSupervisor(TestBox& box) {
  box.Script(kAgent);
  os::Pipe told = std::move(*os::MakePipe());
  Supervisor supervisor;
  supervisor.pid = ::fork();
  if (supervisor.pid == 0) {
    auto running = box.Start();
    const pid_t bwrap = PidOf(running->exit_fd());
    (void)::write(told.write.get(), &bwrap, sizeof bwrap);
    for (;;) ::pause();
  }
  told.write.Close();
  EXPECT_EQ(::read(told.read.get(), &supervisor.bwrap, sizeof supervisor.bwrap),
            static_cast<ssize_t>(sizeof supervisor.bwrap));
  supervisor.bwrap_end = std::move(*os::OpenPidFd(supervisor.bwrap));
  return supervisor;
}

void AwaitEnd(const os::Fd& pidfd) {
  pollfd ended{pidfd.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, 20'000), 1) << "bwrap does not end";
}

TEST(BoxDeaths, OfTheSupervisorLeaveNothing) {
  for (const Moment moment : kMoments) {
    TestBox box(*FindDriver("bubblewrap"));
    const Supervisor supervisor = StartSupervisor(box);
    Await(moment, supervisor.bwrap);
    ::kill(supervisor.pid, SIGKILL);
    ::waitpid(supervisor.pid, nullptr, 0);
    AwaitEnd(supervisor.bwrap_end);
    EXPECT_EQ(box.Leftovers(), 0) << static_cast<int>(moment);
  }
}

TEST(BoxDeaths, OfBothLeaveWhatKillLeftoversFinds) {
  for (const Moment moment : kMoments) {
    TestBox box(*FindDriver("bubblewrap"));
    const Supervisor supervisor = StartSupervisor(box);
    ::kill(supervisor.pid, SIGSTOP);
    Await(moment, supervisor.bwrap);
    ::kill(supervisor.bwrap, SIGKILL);
    ::kill(supervisor.pid, SIGKILL);
    ::waitpid(supervisor.pid, nullptr, 0);
    AwaitEnd(supervisor.bwrap_end);
    (void)box.Leftovers();
    EXPECT_EQ(box.Leftovers(), 0) << static_cast<int>(moment);
  }
}

TEST(BoxDeaths, OfTheFirstProcessAreToldAsTheSandboxs) {
  TestBox box(*FindDriver("bubblewrap"));
  box.Script(kAgent);
  auto running = box.Start();
  const pid_t bwrap = PidOf(running->exit_fd());
  Await(Moment::kAgentUp, bwrap);
  const pid_t first = ChildOf(bwrap);
  ASSERT_GT(first, 0);
  ::kill(first, SIGKILL);
  AwaitExit(*running);
  const auto end = running->Finish();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kIo);
  EXPECT_EQ(end.error().message, "the sandbox was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(box.Leftovers(), 0);
}

TEST(Bubblewrap, RefusesWithTheRemedyWhereThereAreNoUserNamespaces) {
  EXPECT_EQ(RunWithoutNamespaces([] {
              const auto status = FindDriver("bubblewrap")->Preflight();
              ASSERT_FALSE(status);
              EXPECT_EQ(status.error().code, Code::kSandboxUnavailable);
              EXPECT_NE(
                  status.error().message.find("user.max_user_namespaces is 0: as root, sysctl "
                                              "-w user.max_user_namespaces=15000"),
                  std::string::npos)
                  << status.error().message;
            }),
            0);
}

}  // namespace
}  // namespace vm0::sandbox
