// SPDX-License-Identifier: Apache-2.0
#include "supervisor/hand_over.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "archive/unpack.h"
#include "supervisor/supervision_fixture.h"

namespace vm0::supervisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A supervision whose workspace is handed over; the test is at the other end.
class ProtocolRowHandOver : public SupervisionTest {
 protected:
  void SetUp() override {
    SupervisionTest::SetUp();
    ::signal(SIGPIPE, SIG_IGN);
    auto in = os::MakePipe();
    auto out = os::MakePipe();
    to_supervisor = std::move(in->write);
    from_supervisor = std::move(out->read);
    ::fcntl(from_supervisor.get(), F_SETFL, O_NONBLOCK);
    UseLine(std::move(in->read), std::move(out->write));
  }
  void UseLine(os::Fd in, os::Fd out) {
    hand_over = std::make_shared<HandOver>(loop.get_executor(), dir,
                                           HandOver::Line{std::move(in), std::move(out)});
  }
  void Say(std::string_view word) { EXPECT_TRUE(os::WriteAll(to_supervisor.get(), word)); }
  void AwaitPacked() {
    PumpUntil([this] { return Heard() == "packed\n"; });
    Settle();
    EXPECT_FALSE(ended) << "it waits";
    EXPECT_FALSE(api.end);
  }
  std::string Heard() {
    char bytes[100];
    const ssize_t count = ::read(from_supervisor.get(), bytes, sizeof bytes);
    return count > 0 ? std::string(bytes, static_cast<std::size_t>(count)) : "";
  }
  static std::string LostEvent(const std::string& reason) {
    return "vm0 {\"type\":\"vm0\",\"event\":\"workspace_lost\",\"message\":"
           "\"the workspace could not be brought to the machine of the runner: " +
           reason + "\"}";
  }

  const std::filesystem::path result = dir.result();
  os::Fd to_supervisor;
  os::Fd from_supervisor;
};

TEST_F(ProtocolRowHandOver, WorkspaceTaken) {
  Agent("echo made >file");
  Start();
  AwaitPacked();
  const auto home = dir.path() / "brought";
  ASSERT_TRUE(archive::Unpack(result, home, {}));
  EXPECT_EQ(os::ReadFile(home / "file").value_or(""), "made\n");
  EXPECT_FALSE(std::filesystem::exists(result.string() + ".part"));
  Say("taken\n");
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_THAT(api.events(), ElementsAre());
}

TEST_F(ProtocolRowHandOver, WorkspaceTaken_TheAgentsTreeIsGoneBefore) {
  Agent("setsid sh -c 'while :; do date >>late; sleep 0.01; done' & sleep 0.05");
  Start();
  AwaitPacked();
  EXPECT_EQ(Leftovers(), 0);
  Say("taken\n");
  AwaitEnd();
}

TEST_F(ProtocolRowHandOver, WorkspaceTaken_TheRunIsAliveMeanwhile) {
  Agent("echo x");
  Start();
  AwaitPacked();
  const auto heartbeats = [this] {
    return std::ranges::count_if(api.requests, [](const std::string& request) {
      return request.find("heartbeat") != std::string::npos;
    });
  };
  const auto before = heartbeats();
  AdvanceUntil([&] { return heartbeats() >= before + 2; });
  EXPECT_FALSE(ended);
  Say("taken\n");
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_LT(api.end->at("executionTimeMs").as_int64(), 1000) << "of the agent alone";
}

TEST_F(ProtocolRowHandOver, WorkspaceLost) {
  Agent("echo x");
  Start();
  AwaitPacked();
  Say("lost the disk\xff is full\n");
  AwaitEnd();
  EXPECT_THAT(api.events(), ElementsAre("stdout {\"type\":\"stdout\",\"text\":\"x\"}",
                                        LostEvent("the disk\uFFFD is full")));
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_EQ(api.end->at("lastSequence").as_int64(), 2);
}

TEST_F(ProtocolRowHandOver, WorkspaceUnpackable) {
  Agent("i=0; while [ $i -lt 201 ]; do mkdir d; cd d; i=$((i+1)); done");
  Start();
  AwaitEnd();
  ASSERT_EQ(api.events().size(), 1u);
  EXPECT_THAT(api.events()[0], HasSubstr("workspace_lost"));
  EXPECT_THAT(api.events()[0], HasSubstr("nested too deep"));
  EXPECT_EQ(Heard(), "") << "there is nothing to wait for";
  EXPECT_FALSE(std::filesystem::exists(result));
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowHandOver, WorkspaceUnasked) {
  Agent("true");
  Start();
  AwaitPacked();
  to_supervisor.Close();
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_THAT(api.events(), ElementsAre());
}

TEST_F(ProtocolRowHandOver, WorkspaceUnasked_NobodyHasEverListened) {
  from_supervisor.Close();
  to_supervisor.Close();
  Agent("true");
  Start();
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
}

TEST_F(ProtocolRowHandOver, WorkspaceUnasked_WhereStdinCanNotBeWaitedFor) {
  UseLine(os::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
          os::Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)));
  Agent("true");
  Start();
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -");
  EXPECT_TRUE(std::filesystem::exists(result));
}

TEST_F(ProtocolRowHandOver, WorkspaceUnasked_WordsWithoutAnEndAreNone) {
  Agent("true");
  Start();
  AwaitPacked();
  Say("lost " + std::string(10'000, 'x'));
  AwaitEnd();
  EXPECT_THAT(api.events(), ElementsAre());
}

TEST_F(ProtocolRowHandOver, WorkspaceCancelled) {
  Agent("true");
  Start();
  AwaitPacked();
  supervision->Cancel();
  AwaitEnd();
  EXPECT_EQ(Told(), "completed: -") << "the agent was done before";
}

TEST_F(ProtocolRowHandOver, WorkspaceCancelled_ACancelOfTheAgentStillBringsItHome) {
  Agent(kObedient);
  Start();
  AwaitEvents(1);
  supervision->Cancel();
  AwaitPacked();
  supervision->Cancel();  // as each heartbeat does
  Settle();
  EXPECT_FALSE(ended);
  Say("taken\n");
  AwaitEnd();
  EXPECT_EQ(Told(), As(RunError::kCancelled));
}

}  // namespace
}  // namespace vm0::supervisor
