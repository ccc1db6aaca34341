// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/control_group.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// Of this process alone: tests kill all that runs under it.
inline const uid_t kTestUid = 100'000 + static_cast<uid_t>(::getpid());

// A folder that goes away with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vm0-test-").native();
    pattern.append(6, 'X');
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void WriteScript(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0755);
}

// What a box printed, and how it ended.
struct BoxEnd {
  std::string out;
  std::string err;
  Result<os::ExitStatus> end = Fail(Code::kInternal, "not started");
};

// Reads one pipe until its end, or until `until` has come.
inline void ReadPipe(os::Fd& pipe, std::string& text, const std::string& until = "\0never") {
  char buffer[4096];
  while (until.empty() || text.find(until) == std::string::npos) {
    pollfd ready{pipe.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 20'000), 1) << "no output; so far: " << text;
    const ssize_t size = ::read(pipe.get(), buffer, sizeof buffer);
    if (size <= 0) return;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

inline void AwaitExit(const Box& box) {
  pollfd ended{box.exit_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, 20'000), 1) << "the box does not end";
}

// A box with a home and a workspace, for whoever runs the test.
class TestBox {
 public:
  explicit TestBox(const Driver& driver = *FindDriver("none")) : driver_(driver) {
    const auto run = folder_.path() / "data" / "runs" / "1";
    spec.name = folder_.path().filename();
    spec.home = run / "home";
    spec.workspace = run / "workspace";
    spec.tmp = run / "tmp";
    std::filesystem::create_directories(spec.home);
    std::filesystem::create_directories(spec.tmp);
    std::filesystem::create_directories(spec.workspace);
    ::chmod((folder_.path() / "data").c_str(), 0700);
    spec.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
    spec.environment["VM0_RUN_ID"] = spec.name;
    if (::geteuid() != 0) return;
    spec.run_uid = kTestUid;
    EXPECT_EQ(::chown(spec.home.c_str(), kTestUid, kTestUid), 0);
    EXPECT_EQ(::chown(spec.workspace.c_str(), kTestUid, kTestUid), 0);
    EXPECT_EQ(::chown(spec.tmp.c_str(), kTestUid, kTestUid), 0);
  }

  // What a test's own process has made and not lived to remove.
  ~TestBox() { RemoveGroup(GroupName(spec.name)); }
  TestBox(const TestBox&) = delete;
  TestBox& operator=(const TestBox&) = delete;

  void Script(const std::string& script) { spec.argv = {"/bin/sh", "-c", script}; }
  // The test program itself, to do inside what its main does with `argument`.
  void ShowOurselves(const std::string& argument) {
    spec.argv = {std::filesystem::read_symlink("/proc/self/exe"), argument};
    spec.show_installation = true;
  }
  std::unique_ptr<Box> Start() {
    auto box = driver_.Start(spec);
    EXPECT_TRUE(box) << box.error().message;
    return box ? std::move(*box) : nullptr;
  }
  BoxEnd Run() {
    BoxEnd result;
    auto box = driver_.Start(spec);
    if (!box) {
      result.end = Fail(box.error());
      return result;
    }
    ReadPipe((*box)->stdout_pipe(), result.out);
    ReadPipe((*box)->stderr_pipe(), result.err);
    AwaitExit(**box);
    result.end = (*box)->Finish();
    return result;
  }
  BoxEnd Run(const std::string& script) {
    Script(script);
    return Run();
  }
  // What is left of the run; kills it.
  int Leftovers() const {
    auto left = KillLeftovers(spec.environment.at("VM0_RUN_ID"), spec.run_uid);
    EXPECT_TRUE(left) << left.error().message;
    return left.value_or(-1);
  }
  const std::filesystem::path& folder() const { return folder_.path(); }

  BoxSpec spec;

 private:
  const Driver& driver_;
  TestFolder folder_;
};

}  // namespace vm0::sandbox
