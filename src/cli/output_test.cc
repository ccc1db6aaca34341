// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <future>
#include <thread>

#include "os/fd.h"

namespace vm0::cli {
namespace {

using term::Colour;

std::string ReadAllOf(int fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof buffer)) > 0;)
    all.append(buffer, static_cast<std::size_t>(count));
  return all;
}

TEST(Output, ASlowReaderGetsEverythingAndTheLoopGoesOn) {
  auto pipe = *os::MakePipe();
  ::fcntl(pipe.write.get(), F_SETPIPE_SZ, 4096);
  Stream stream(pipe.write.get(), Colour::kOff);
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + "\n";

  asio::io_context loop;
  Status written = Fail(Code::kInternal, "not done");
  asio::co_spawn(loop, stream.Write(text), [&](std::exception_ptr, Status status) {
    written = status;
    pipe.write.Close();
  });
  // The writer is stuck now: nobody reads. Other work still gets its turn.
  std::promise<void> other_work;
  asio::post(loop, [&] { other_work.set_value(); });
  std::thread runner([&] { loop.run(); });
  other_work.get_future().wait();
  EXPECT_EQ(ReadAllOf(pipe.read.get()), text);
  runner.join();
  EXPECT_TRUE(written);
}

TEST(Output, AReaderThatGoesAwayIsNoticed) {
  std::signal(SIGPIPE, SIG_IGN);
  auto pipe = *os::MakePipe();
  pipe.read.Close();
  Stream stream(pipe.write.get(), Colour::kOff);
  EXPECT_FALSE(stream.closed());
  EXPECT_FALSE(stream.Print("x"));
  EXPECT_TRUE(stream.closed());
}

TEST(Output, ANonBlockingPipeOfSomebodyElseLosesNothing) {
  auto pipe = *os::MakePipe();
  ::fcntl(pipe.write.get(), F_SETPIPE_SZ, 4096);
  ::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  Stream stream(pipe.write.get(), Colour::kOff);
  const std::string text(100'000, 'x');
  Status written;
  std::thread writer([&] {
    written = stream.Print(text);
    pipe.write.Close();
  });
  EXPECT_EQ(ReadAllOf(pipe.read.get()), text);
  writer.join();
  EXPECT_TRUE(written);
}

TEST(Output, WhatIsSaidIsHarmlessAndQuietMeansFailuresOnly) {
  auto pipe = *os::MakePipe();
  Output output{.out = Stream(-1, Colour::kOff), .err = Stream(pipe.write.get(), Colour::kOff)};
  output.SayDim("a\x1b[2Jb");
  output.quiet = true;
  output.Say("unheard");
  output.SayFailure("It failed", "because\x07");
  pipe.write.Close();
  EXPECT_EQ(ReadAllOf(pipe.read.get()), "a\xe2\x90\x9b[2Jb\n✗ It failed\n  because\xe2\x90\x87\n");
}

TEST(Output, ALineOfDataIsLeftAloneForProgramsAndHarmlessOnATerminal) {
  const std::string line = "{\"a\":\"\u202e\u009b\"}";
  auto pipe = *os::MakePipe();
  EXPECT_EQ(Stream(pipe.write.get(), Colour::kOff).DataLine(line), line);
  const os::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::grantpt(master.get()) + ::unlockpt(master.get()), 0);
  const os::Fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_EQ(Stream(terminal.get(), Colour::kOff).DataLine(line), "{\"a\":\"\ufffd\ufffd\"}");
}

TEST(Output, FailuresAreRedAndTheirReasonGray) {
  auto pipe = *os::MakePipe();
  Output output{.out = Stream(-1, Colour::kOff), .err = Stream(pipe.write.get(), Colour::kOn)};
  output.SayFailure("Run failed", "why");
  pipe.write.Close();
  EXPECT_EQ(ReadAllOf(pipe.read.get()), "\x1b[31m✗ Run failed\x1b[39m\n\x1b[90m  why\x1b[39m\n");
}

}  // namespace
}  // namespace vm0::cli
