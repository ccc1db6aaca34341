// SPDX-License-Identifier: Apache-2.0
#include "cli/exit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "os/fd.h"
#include "os/file.h"

namespace vm0::cli {
namespace {

using testing::HasSubstr;

class ExitTest : public testing::Test {
 protected:
  // Prints a line to `out`; `said_` is what stderr got.
  int PrintTo(int out) {
    auto pipe = os::MakePipe().value();
    Output output{.out = Stream(out, term::Colour::kOff),
                  .err = Stream(pipe.write.get(), term::Colour::kOff)};
    const int exit_code = ExitOfPrinting(output, output.out.Print("x\n"));
    Keep(pipe);
    return exit_code;
  }
  int Report(const Error& error) {
    auto pipe = os::MakePipe().value();
    Output output{.out = Stream(-1, term::Colour::kOff),
                  .err = Stream(pipe.write.get(), term::Colour::kOff)};
    const int exit_code = ReportError(output, "It failed", error);
    Keep(pipe);
    return exit_code;
  }
  std::string said_;

 private:
  void Keep(os::Pipe& pipe) {
    pipe.write.Close();
    char buffer[4096];
    const ssize_t count = ::read(pipe.read.get(), buffer, sizeof buffer);
    said_.assign(buffer, static_cast<std::size_t>(count));
  }
};

TEST_F(ExitTest, AFullDiskIsAnErrorAndAClosedPipeIsNot) {
  std::signal(SIGPIPE, SIG_IGN);
  auto closed = os::MakePipe().value();
  closed.read.Close();
  EXPECT_EQ(PrintTo(closed.write.get()), 141);
  EXPECT_EQ(said_, "");
  const os::Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(PrintTo(full.get()), 5);
  EXPECT_THAT(said_, HasSubstr("No space left"));
  auto open = os::MakePipe().value();
  EXPECT_EQ(PrintTo(open.write.get()), 0);
}

TEST_F(ExitTest, WhoIsNotAuthenticatedIsToldHowToBe) {
  EXPECT_EQ(
      Report({.code = Code::kUnauthorized, .message = "Not authenticated: the token is unknown"}),
      3);
  EXPECT_THAT(said_, HasSubstr("✗ Not authenticated\n  the token is unknown\n"));
  EXPECT_THAT(said_, HasSubstr("vm0 auth token create"));
}

TEST(ExitOfRun, ShowsHowTheRunEnded) {
  client::RunState run;
  run.status = "completed";
  EXPECT_EQ(ExitOfRun(run), 0);
  run.status = "failed";
  EXPECT_EQ(ExitOfRun(run), 1);
  run.error_code = "A_CODE_OF_A_NEWER_SERVER";
  EXPECT_EQ(ExitOfRun(run), 1);
  run.error_code = "SANDBOX_UNAVAILABLE";
  EXPECT_EQ(ExitOfRun(run), 6);
  run.status = "timeout";
  EXPECT_EQ(ExitOfRun(run), 124);
}

}  // namespace
}  // namespace vm0::cli
