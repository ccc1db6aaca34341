// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "os/clock.h"
#include "os/fd.h"
#include "os/test_directory.h"
#include "runner/runner.h"
#include "runner/test_server.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

using os::ReadText;
using os::TestDirectory;
using os::WriteText;

// Records `first` to `last` of a run, as its supervisor would have written them.
std::string MakeRecords(std::int64_t first, std::int64_t last);
std::string SpoolOf(std::int64_t last);
std::string HashOf(std::int64_t last);

// Instead of a supervisor, this program runs itself: what it then does stands in
// <data-dir>/script-<run>, else in <data-dir>/script.
//   hold    takes the run's lock, tells so, waits; SIGTERM: tells so, exits
//   finish  takes the lock, forgets the run as if its end was acknowledged, exits
//   exit    exits at once with code 1
int TestSupervisorMain(const std::filesystem::path& run_dir);

// A machine with a server and at most one runner, in one process but for the supervisors.
class TestWorld : public testing::Test {
 protected:
  TestWorld();
  ~TestWorld() override;

  supervisor::RunDir dir(const std::string& id) const {
    return supervisor::RunDir(data() / "runs" / id);
  }
  const std::filesystem::path& data() const { return directory_.path(); }
  void Script(std::string_view word) { WriteText(data() / "script", word); }
  void Script(std::string_view word, const std::string& id) {
    WriteText(data() / ("script-" + id), word);
  }

  void StartRunner();
  // As when its process ends; supervisors go on.
  void StopRunner();
  bool runner_has_stopped() const { return stopped_; }
  Runner& runner() { return *runner_; }

  // Runs the loop until `what` holds; fails the test after half a minute of nothing.
  void Until(const std::function<bool()>& what);
  // The same, time going on meanwhile whenever nothing else is to do.
  void UntilLater(const std::function<bool()>& what);
  // Until the run's supervisor holds the lock, the `times`-th one: its pid.
  pid_t UntilHeld(const std::string& id, int times = 1);
  bool Told(const std::string& line) const;
  void Kill(pid_t pid);
  // A run directory as a supervisor leaves it that was killed in the middle.
  void LeaveDead(const std::string& id, const TestRun& run, std::string_view spool);

  asio::io_context loop;
  os::FakeClock clock;
  std::unique_ptr<TestServer> server;
  std::size_t max_concurrent = 100;  // of the next runner

 private:
  void ReadReports();

  TestDirectory directory_;
  os::Fd self_;
  asio::posix::stream_descriptor reports_;
  std::string report_buffer_ = std::string(4096, '\0');
  std::string reported_;
  std::unique_ptr<Runner> runner_;
  bool stopped_ = true;
};

inline const std::string kRun = "019a0000-0000-7000-8000-000000000001";
inline const std::string kOtherRun = "019a0000-0000-7000-8000-000000000002";

// A run whose agent nobody will start.
TestRun MakeRun();

}  // namespace vm0::runner
