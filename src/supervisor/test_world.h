// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>

#include "os/file.h"
#include "supervisor/supervision.h"
#include "supervisor/test_api.h"
#include "supervisor/test_folder.h"

namespace vm0::supervisor {

namespace asio = boost::asio;

// Of this process alone: tests kill all that runs under it.
inline const uid_t kTestUid = 100'000 + static_cast<uid_t>(::getpid());

// One loop with a clock that a test moves, a server and the directory of a run.
class TestWorld : public ::testing::Test {
 public:
  TestWorld() {
    std::filesystem::create_directories(dir.workspace());
    std::filesystem::create_directories(dir.home());
    std::filesystem::create_directories(dir.tmp());
    api.Listen();
    run.run_id = kRunId;
    run.attempt = 1;
    run.server = "unix:" + socket();
    run.spec.provider = "command";
    run.spec.dialect = "plain";
    run.spec.sandbox = "none";
    run.spec.network = "full";
    run.spec.prompt = "the prompt";
    if (::geteuid() != 0) return;
    EXPECT_EQ(::chown(dir.home().c_str(), kTestUid, kTestUid), 0);
    EXPECT_EQ(::chown(dir.tmp().c_str(), kTestUid, kTestUid), 0);
    EXPECT_EQ(::chown(dir.workspace().c_str(), kTestUid, kTestUid), 0);
    EXPECT_TRUE(os::WriteFileAtomic(dir.uid(), std::to_string(kTestUid)));
  }
  ~TestWorld() override { api.Close(); }

 protected:
  static constexpr const char* kRunId = "0193a0c0-0000-7000-8000-000000000001";

  std::string socket() const { return folder_.path() / "server.sock"; }

  // Runs the loop until `done`. The limit is for a test that fails.
  void PumpUntil(const std::function<bool()>& done) {
    while (!done()) {
      if (loop.run_one_for(std::chrono::seconds(30)) == 0) {
        FAIL() << "nothing happens; requests so far: " << Requests();
      }
    }
  }
  // All that can be done now without waiting.
  void Settle() {
    while (loop.poll() > 0) {
    }
  }
  void Advance(Micros delay) {
    Settle();
    clock.Advance(delay);
    Settle();
  }
  // Moves time on in steps until `done`. The agent's processes know nothing of the clock of the
  // test: each step gives them a moment, so that it does not run away from them. The limit is for a
  // test that fails.
  void AdvanceUntil(const std::function<bool()>& done, Micros step = Seconds(1)) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "requests so far: " << Requests();
      Advance(step);
      if (!done()) loop.run_one_for(std::chrono::milliseconds(1));
    }
  }
  bool HasLogged(const std::string& text) const {
    return os::ReadAll(log_file.get())->find(text) != std::string::npos;
  }
  std::string Requests() const {
    std::string all;
    for (const auto& request : api.requests) all += request + ", ";
    return all;
  }

  asio::io_context loop{1};
  os::FakeClock clock;
  os::Fd log_file = std::move(*os::MakeMemFile("log", ""));
  Log log{clock, log_file.get()};

 private:
  TestFolder folder_;

 protected:
  RunDir dir{folder_.path() / "runs" / kRunId};
  TestApi api{loop, clock, socket()};
  StoredRun run;
};

}  // namespace vm0::supervisor
