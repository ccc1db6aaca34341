// SPDX-License-Identifier: Apache-2.0
#include "os/process_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>

#include "os/process.h"

namespace vm0::os {
namespace {

using boost::asio::posix::stream_descriptor;

Child StartSleeper() {
  return Spawn({.executable = "/bin/sleep", .argv = {"sleep", "1000"}}).value();
}

void End(const Child& child) {
  ::kill(child.pid, SIGKILL);
  EXPECT_EQ(Wait(child.pid)->signal, SIGKILL);
}

TEST(ProcessWatch, TellsOfTheEndOnce) {
  boost::asio::io_context loop;
  Child child = StartSleeper();
  int told = 0;
  const ProcessWatch watch(loop.get_executor(), std::move(child.pidfd), [&] { ++told; });
  loop.poll();
  EXPECT_EQ(told, 0);
  ::kill(child.pid, SIGKILL);
  loop.run();
  EXPECT_EQ(told, 1);
  End(child);
}

TEST(ProcessWatch, MayBeDestroyedByWhatItCalls) {
  boost::asio::io_context loop;
  Child child = StartSleeper();
  std::optional<ProcessWatch> watch;
  watch.emplace(loop.get_executor(), std::move(child.pidfd), [&] { watch.reset(); });
  ::kill(child.pid, SIGKILL);
  loop.run();
  EXPECT_FALSE(watch);
  End(child);
}

TEST(ProcessWatch, TellsNothingOnceDestroyed) {
  boost::asio::io_context loop;
  Child child = StartSleeper();
  std::optional<ProcessWatch> watch;
  watch.emplace(loop.get_executor(), std::move(child.pidfd), [] { FAIL(); });
  ::kill(child.pid, SIGKILL);
  watch.reset();
  loop.run();
  End(child);
}

// Two descriptors become readable at once. What is called for the first one closes the second one,
// whose event is under way by then, and starts to watch: the event must not pass for the end.
TEST(ProcessWatch, IsNotWokenByWhatWasMeantForAClosedDescriptor) {
  boost::asio::io_context loop;
  auto first_pipe = MakePipe().value();
  auto second_pipe = MakePipe().value();
  Child child = StartSleeper();
  bool told = false;
  std::optional<ProcessWatch> watch;
  stream_descriptor first(loop, first_pipe.read.Release());
  stream_descriptor second(loop, second_pipe.read.Release());
  first.async_wait(stream_descriptor::wait_read, [&](const auto&) {
    second.close();
    watch.emplace(loop.get_executor(), std::move(child.pidfd), [&] { told = true; });
  });
  second.async_wait(stream_descriptor::wait_read, [](const auto&) {});
  loop.poll();
  ASSERT_TRUE(WriteAll(first_pipe.write.get(), "x"));
  ASSERT_TRUE(WriteAll(second_pipe.write.get(), "x"));
  loop.poll();
  ASSERT_TRUE(watch);
  EXPECT_FALSE(told);
  ::kill(child.pid, SIGKILL);
  loop.run();
  EXPECT_TRUE(told);
  End(child);
}

}  // namespace
}  // namespace vm0::os
