// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/supervision.h"
#include "supervisor/test_world.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Ends at SIGINT, whenever it comes. (A shell that waits for a child puts it off.)
inline constexpr const char* kObedient =
    "trap 'exit 0' INT; echo ready; while :; do sleep 0.05; done";

// A supervision in this process, with real agents.
class SupervisionTest : public TestWorld {
 protected:
  void SetUp() override { ::signal(SIGXFSZ, SIG_IGN); }
  void TearDown() override {
    if (!supervision) return;
    if (!ended) {
      // Ends a supervision that a failed test has left.
      api.intercept = [](const auto&) { return TestApi::Refusal(410, "RUN_ENDED", 0); };
      for (int i = 0; i < 100 && !ended; ++i) {
        clock.Advance(Seconds(10));
        loop.run_one_for(std::chrono::milliseconds(20));
      }
    }
    Settle();
  }

  void Agent(const std::string& script) { run.spec.command = {"/bin/sh", "-c", script, "agent"}; }
  void Start() {
    const Supervision::Setup setup{dir,
                                   dir,
                                   run,
                                   "vm0_run_the-token",
                                   *http::Endpoint::Parse("unix:" + socket()),
                                   "/usr/bin:/bin",
                                   [] { return true; },
                                   hand_over};
    EXPECT_TRUE(os::WriteFileAtomic(dir.spec(), FormatStoredRun(run, agent::ToJson(run.spec))));
    EXPECT_TRUE(os::WriteFileAtomic(dir.token(), setup.token));
    supervision = std::make_unique<Supervision>(loop, clock, log, setup,
                                                std::move(*Spool::Create(dir.spool())));
    asio::co_spawn(loop, supervision->Run(),
                   [this](std::exception_ptr, Supervision::End end) { ended = end; });
  }
  void AwaitEnd() {
    PumpUntil([this] { return ended.has_value(); });
  }
  // From start to end; what was stored.
  std::vector<std::string> RunAgent(const std::string& script) {
    Agent(script);
    Start();
    AwaitEnd();
    return api.events();
  }
  void AwaitEvents(std::size_t count) {
    PumpUntil([&] { return api.records.size() >= count; });
  }
  std::string Told() {
    if (!api.end) return "no end";
    const auto reason = StringMember(*api.end, "reason").value_or("-");
    return std::string(StringMember(*api.end, "status").value_or("?")) + ": " + std::string(reason);
  }
  // A fifo in the workspace for a word between test and agent.
  os::Fd MakeGate(const std::string& name) {
    const auto path = dir.workspace() / name;
    EXPECT_EQ(::mkfifo(path.c_str(), 0666), 0);
    ::chmod(path.c_str(), 0666);
    return os::Fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  }
  // Until the agent has written there.
  void AwaitWord(const os::Fd& gate) {
    char byte = 0;
    while (::read(gate.get(), &byte, 1) != 1) loop.run_one_for(std::chrono::milliseconds(10));
    Settle();
  }
  // What Told gives for such an end.
  static std::string As(RunError error, std::string_view detail = "") {
    return std::string(InfoOf(error).status) + ": " + Describe(error, detail);
  }
  int Leftovers() {
    const auto uid = ::geteuid() == 0 ? std::optional<uid_t>(kTestUid) : std::nullopt;
    return *sandbox::KillLeftovers(kRunId, uid);
  }
  bool IsForgotten() {
    for (const auto& file : {dir.spool(), dir.token(), dir.elapsed(), dir.spec()}) {
      if (std::filesystem::exists(file)) return false;
    }
    return true;
  }

  std::shared_ptr<HandOver> hand_over;  // none unless a test makes one
  std::unique_ptr<Supervision> supervision;
  std::optional<Supervision::End> ended;
};

}  // namespace vm0::supervisor
