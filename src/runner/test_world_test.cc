// SPDX-License-Identifier: Apache-2.0
#include "runner/test_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "event/record.h"
#include "os/file.h"
#include "os/file_tree.h"
#include "os/process.h"

namespace vm0::runner {
namespace {

constexpr uid_t kFirstTestUid = 76100;  // not those of a real server on this machine
constexpr auto kPatience = std::chrono::seconds(30);

int g_reports = -1;
void TellTerminated(int) {
  (void)!::write(g_reports, "terminated\n", 11);
  ::_exit(0);
}

}  // namespace

std::string MakeRecords(std::int64_t first, std::int64_t last) {
  std::string records;
  for (std::int64_t number = first; number <= last; ++number) {
    const std::string json = R"({"type":"assistant","n":)" + std::to_string(number) + "}";
    event::AppendRecord(records, number, WallTime(Seconds(1'763'625'600)), event::Source::kAgent,
                        json);
  }
  return records;
}

std::string SpoolOf(std::int64_t last) {
  return std::string(event::kSpoolHeader) + MakeRecords(1, last);
}

std::string HashOf(std::int64_t last) {
  event::ChainHash hash;
  for (std::int64_t number = 1; number <= last; ++number) hash.Add(MakeRecords(number, number));
  return hash.Hex();
}

int TestSupervisorMain(const std::filesystem::path& run_dir) {
  const auto data = run_dir.parent_path().parent_path();
  const auto own_script = data / ("script-" + run_dir.filename().string());
  const std::string word =
      ReadText(std::filesystem::exists(own_script) ? own_script : data / "script");
  std::puts("the supervisor was here");
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view line = *variable;
    if (!line.starts_with("VM0_")) continue;
    std::puts(*variable);
  }
  std::fflush(stdout);
  if (word == "exit") return 1;
  auto lock = os::FileLock::TryAcquire(run_dir / "lock");
  if (!lock || !*lock) return 4;
  if (!(*lock)->Describe("pid=" + std::to_string(::getpid()) + " boot=" + *os::BootId() + "\n")) {
    return 1;
  }
  if (word == "finish")
    return supervisor::RunDir(run_dir).Forget(supervisor::RunDir::Spool::kRemove) ? 0 : 1;
  g_reports = ::open((data / "reports").c_str(), O_WRONLY | O_CLOEXEC);
  ::signal(SIGTERM, TellTerminated);
  const std::string line =
      "holding " + run_dir.filename().string() + " " + std::to_string(::getpid()) + "\n";
  (void)os::WriteAll(g_reports, line);
  for (;;) ::pause();
}

TestRun MakeRun() {
  TestRun run;
  run.spec.provider = "command";
  run.spec.dialect = "plain";
  run.spec.sandbox = "none";
  return run;
}

TestWorld::TestWorld() : reports_(loop) {
  self_ = std::move(os::OpenSelf()).value();
  const auto path = data() / "reports";
  ::mkfifo(path.c_str(), 0600);
  // Also for writing, so that it never comes to an end.
  reports_.assign(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ReadReports();
  server = std::make_unique<TestServer>(loop, clock, data());
  Script("hold");
}

TestWorld::~TestWorld() {
  StopRunner();
  server->StopListening();
  Until([this] { return server->is_idle(); });
  for (const std::string_view line : Split(reported_, '\n')) {
    const auto words = Split(line, ' ');
    if (words[0] == "holding") ::kill(static_cast<pid_t>(*ParseInt(words[2])), SIGKILL);
  }
  while (::waitpid(-1, nullptr, 0) > 0) continue;
}

void TestWorld::ReadReports() {
  reports_.async_read_some(asio::buffer(report_buffer_),
                           [this](boost::system::error_code error, std::size_t size) {
                             if (error) return;
                             reported_.append(report_buffer_, 0, size);
                             ReadReports();
                           });
}

void TestWorld::StartRunner() {
  StopRunner();
  RunnerOptions options;
  options.data_dir = data();
  options.server_url = "unix:" + (data() / "server.sock").string();
  options.token = "token-0";
  options.machine = "here";
  options.self_fd = self_.get();
  options.first_run_uid = kFirstTestUid;
  options.uid_registry = data() / "uids";
  options.max_concurrent = max_concurrent;
  options.last_run_uid = kFirstTestUid + 99;
  runner_ = std::make_unique<Runner>(loop, clock, options);
  stopped_ = false;
  asio::co_spawn(loop, runner_->Run(), [this](std::exception_ptr) { stopped_ = true; });
}

void TestWorld::StopRunner() {
  if (!runner_) return;
  runner_->Stop();
  Until([this] { return stopped_; });
  runner_.reset();
}

void TestWorld::Until(const std::function<bool()>& what) {
  while (!what()) {
    loop.restart();
    if (loop.run_one_for(kPatience) > 0) continue;
    FAIL() << "nothing happens any more; reported so far:\n" << reported_;
  }
}

void TestWorld::UntilLater(const std::function<bool()>& what) {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  while (!what()) {
    loop.restart();
    if (loop.run_one_for(std::chrono::milliseconds(20)) == 0) clock.Advance(Seconds(1));
    if (std::chrono::steady_clock::now() > limit) FAIL() << "it does not happen";
  }
}

pid_t TestWorld::UntilHeld(const std::string& id, int times) {
  std::vector<pid_t> pids;
  Until([&] {
    pids.clear();
    for (const std::string_view line : Split(reported_, '\n')) {
      const auto words = Split(line, ' ');
      if (words.size() != 3 || words[1] != id) continue;
      pids.push_back(static_cast<pid_t>(ParseInt(words[2]).value_or(-1)));
    }
    return static_cast<int>(pids.size()) >= times;
  });
  return pids.empty() ? -1 : pids.back();
}

bool TestWorld::Told(const std::string& line) const {
  return reported_.find(line + "\n") != std::string::npos;
}

void TestWorld::Kill(pid_t pid) {
  ASSERT_GT(pid, 1);
  ::kill(pid, SIGKILL);
}

void TestWorld::LeaveDead(const std::string& id, const TestRun& run, std::string_view spool) {
  const auto where = dir(id);
  ASSERT_TRUE(os::MakeDirs(where.path()));
  const supervisor::StoredRun stored{
      .run_id = id, .attempt = std::max(run.attempt, 1), .server = "unix:/nowhere", .spec = {}};
  WriteText(where.lock(), "pid=1 boot=x\n");
  WriteText(where.token(), run.token());
  WriteText(where.spool(), spool);
  WriteText(where.elapsed(), "7\n");
  WriteText(where.spec(), supervisor::FormatStoredRun(stored, agent::ToJson(run.spec)));
}

}  // namespace vm0::runner

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], "supervise") == 0) {
    return vm0::runner::TestSupervisorMain(argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
