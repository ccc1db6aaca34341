// SPDX-License-Identifier: Apache-2.0
#include "os/clock.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <thread>

#include "base/text.h"

namespace vm0::os {
namespace {

using std::chrono::hours;

TEST(FakeClock, RunsWhatIsDueInOrderOfDeadlines) {
  FakeClock clock;
  std::string order;
  clock.After(Seconds(3), [&] { order += "3"; });
  clock.After(Seconds(1), [&] {
    order += "1";
    clock.After(Seconds(1), [&] { order += "2"; });
  });
  clock.After(Seconds(1), [&] { order += "b"; });
  const auto wall = clock.WallNow();
  clock.Advance(Seconds(2));
  EXPECT_EQ(order, "1b2");
  EXPECT_EQ(clock.WallNow() - wall, Seconds(2));
  clock.Advance(Seconds(1));
  EXPECT_EQ(order, "1b23");
  EXPECT_EQ(clock.pending(), 0u);
}

TEST(FakeClock, ForgetsACancelledTimer) {
  FakeClock clock;
  bool fired = false;
  const auto id = clock.After(Seconds(1), [&] { fired = true; });
  EXPECT_TRUE(clock.Cancel(id));
  EXPECT_FALSE(clock.Cancel(id));
  EXPECT_FALSE(clock.Cancel(12345));
  clock.Advance(hours(1));
  EXPECT_FALSE(fired);
}

TEST(Timer, IsCancelledWithItsScopeAndMayOutliveTheClock) {
  auto clock = std::make_unique<FakeClock>();
  int fired = 0;
  const auto count = [&] { ++fired; };
  {
    const Timer scoped(*clock, clock->Now() + Seconds(1), count);
    EXPECT_EQ(clock->pending(), 1u);
  }
  Timer timer(*clock, clock->Now() + Seconds(1), count);
  timer = Timer(*clock, clock->Now() + Seconds(2), count);
  EXPECT_EQ(clock->pending(), 1u);
  clock->Advance(Seconds(2));
  EXPECT_EQ(fired, 1);
  timer = Timer(*clock, clock->Now() + Seconds(1), count);
  clock.reset();
}

TEST(RealClock, RunsTimersInOrderAndEndsWhenNoneIsLeft) {
  asio::io_context loop;
  const auto clock = MakeRealClock(loop);
  std::string order;
  const auto start = clock->Now();
  clock->At(start + Millis(2), [&] { order += "2"; });
  clock->At(start + Millis(1), [&] { order += "1"; });
  clock->At(start - hours(1), [&] { order += "0"; });
  const auto far = clock->After(hours(1), [&] { order += "far"; });
  clock->At(start + Millis(3), [&] { clock->Cancel(far); });
  loop.run();
  EXPECT_EQ(order, "012");
  EXPECT_GE(clock->Now() - start, Millis(3));
}

TEST(RealClock, ATimerThatSetsItselfAgainDoesNotHoldTheLoop) {
  asio::io_context loop;
  const auto clock = MakeRealClock(loop);
  int ticks = 0;
  std::function<void()> again = [&] {
    if (++ticks < 1000) clock->After(Micros(0), again);
  };
  again();
  int others = 0;
  std::function<void()> other = [&] {
    if (++others < 100) asio::post(loop, other);
  };
  asio::post(loop, other);
  loop.run();
  EXPECT_EQ(ticks, 1000);
  EXPECT_EQ(others, 100);
}

TEST(RealClock, MayGoWhileTimersAreSetAndQueued) {
  asio::io_context loop;
  auto clock = MakeRealClock(loop);
  bool fired = false;
  clock->After(hours(1), [&] { fired = true; });
  clock->At(clock->Now() - Seconds(1), [&] { fired = true; });
  asio::post(loop, [&] { clock.reset(); });
  loop.run();
  EXPECT_FALSE(fired);
}

asio::awaitable<void> SleepThen(Clock& clock, Micros delay, std::string& log, std::string text) {
  co_await Sleep(clock, delay);
  log += text;
}

TEST(Sleep, ResumesAtItsDeadline) {
  asio::io_context loop;
  FakeClock clock;
  std::string log;
  asio::co_spawn(loop, SleepThen(clock, Seconds(2), log, "b"), asio::detached);
  asio::co_spawn(loop, SleepThen(clock, Seconds(1), log, "a"), asio::detached);
  loop.poll();
  clock.Advance(Millis(1999));
  loop.poll();
  EXPECT_EQ(log, "a");
  clock.Advance(Millis(1));
  loop.poll();
  EXPECT_EQ(log, "ab");
}

TEST(Sleep, WhenCancelledForgetsItsTimerAndSaysSo) {
  asio::io_context loop;
  FakeClock clock;
  std::string log;
  asio::cancellation_signal cancel;
  boost::system::error_code error;
  const auto ended = [&](std::exception_ptr exception) {
    try {
      if (exception) std::rethrow_exception(exception);
    } catch (const boost::system::system_error& failure) {
      error = failure.code();
    }
  };
  asio::co_spawn(loop, SleepThen(clock, Seconds(1), log, "woke"),
                 asio::bind_cancellation_slot(cancel.slot(), ended));
  loop.poll();
  EXPECT_EQ(clock.pending(), 1u);
  cancel.emit(asio::cancellation_type::terminal);
  loop.restart();
  loop.poll();
  EXPECT_EQ(clock.pending(), 0u);
  EXPECT_EQ(error, asio::error::operation_aborted);
  EXPECT_EQ(log, "");
}

TEST(Sleep, MayBeDestroyedWithTheClock) {
  asio::io_context loop;
  auto fake = std::make_unique<FakeClock>();
  auto real = MakeRealClock(loop);
  std::string log;
  asio::co_spawn(loop, SleepThen(*fake, Seconds(1), log, "fake"), asio::detached);
  asio::co_spawn(loop, SleepThen(*real, hours(1), log, "real"), asio::detached);
  loop.poll();
  fake.reset();
  real.reset();
  EXPECT_EQ(log, "");
}

// The owner of virtual time, with one process to serve.
class TimeServer {
 public:
  TimeServer() : acceptor_(loop_), peer_(loop_) {
    char name[] = "/tmp/vm0-clock-XXXXXX";
    directory_ = ::mkdtemp(name);
    acceptor_ = {loop_, asio::local::stream_protocol::endpoint(path())};
  }
  ~TimeServer() { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/clock.sock"; }
  void Accept() { acceptor_.accept(peer_); }
  void Send(const std::string& text) { asio::write(peer_, asio::buffer(text)); }
  std::string Line() {
    const auto size = asio::read_until(peer_, asio::dynamic_buffer(input_), '\n');
    std::string line = input_.substr(0, size - 1);
    input_.erase(0, size);
    return line;
  }

 private:
  asio::io_context loop_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::local::stream_protocol::socket peer_;
  std::string directory_;
  std::string input_;
};

// Connects while a thread plays the server's part of the greeting.
std::unique_ptr<Clock> Connect(asio::io_context& loop, TimeServer& server, std::string& hello) {
  std::thread greeter([&] {
    server.Accept();
    hello = server.Line();
    server.Send("now 5000000 1763625600000000\n");
  });
  auto clock = ConnectTestClock(loop, server.path(), "supervisor");
  greeter.join();
  EXPECT_TRUE(clock) << clock.error().message;
  return std::move(*clock);
}

TEST(TestClock, TakesItsTimeFromTheServer) {
  asio::io_context loop;
  TimeServer server;
  std::string hello;
  const auto clock = Connect(loop, server, hello);
  EXPECT_EQ(hello, "hello " + std::to_string(::getpid()) + " supervisor");
  EXPECT_EQ(clock->Now().time_since_epoch(), Seconds(5));
  EXPECT_EQ(FormatIso(clock->WallNow()), "2025-11-20T08:00:00.000Z");

  std::string order;
  clock->After(Seconds(10), [&] { order += "late"; });
  EXPECT_EQ(server.Line(), "timer 15000000");
  const auto early = clock->After(Seconds(1), [&] { order += "no"; });
  EXPECT_EQ(server.Line(), "timer 6000000");
  clock->After(Seconds(11), [&] { order += "later"; });
  clock->Cancel(early);
  EXPECT_EQ(server.Line(), "timer 15000000");

  server.Send("now 15000000 17636256");
  server.Send("10000000\n");
  while (order.empty()) loop.run_one();
  EXPECT_EQ(order, "late");
  EXPECT_EQ(server.Line(), "timer 16000000");
  EXPECT_EQ(server.Line(), "idle 15000000");
  EXPECT_EQ(clock->Now().time_since_epoch(), Seconds(15));
}

TEST(TestClock, RunsWhatATimerSetsForNowBeforeItSaysIdle) {
  asio::io_context loop;
  TimeServer server;
  std::string hello;
  const auto clock = Connect(loop, server, hello);
  std::string order;
  clock->After(Seconds(1), [&] {
    order += "a";
    clock->After(Seconds(0), [&] { order += "b"; });
  });
  EXPECT_EQ(server.Line(), "timer 6000000");
  server.Send("now 6000000 1763625601000000\n");
  while (order.empty()) loop.run_one();
  EXPECT_EQ(order, "ab");
  EXPECT_EQ(server.Line(), "timer -1");
  EXPECT_EQ(server.Line(), "idle 6000000");
}

TEST(TestClock, RunsATimerThatIsDueAlreadyWithoutAnAdvance) {
  asio::io_context loop;
  TimeServer server;
  std::string hello;
  const auto clock = Connect(loop, server, hello);
  bool fired = false;
  clock->After(Seconds(0), [&] { fired = true; });
  EXPECT_FALSE(fired);
  while (!fired) loop.run_one();
}

TEST(TestClock, NamesThePathWhenNobodyListens) {
  asio::io_context loop;
  const auto clock = ConnectTestClock(loop, "/tmp/vm0-no-such-clock", "cli");
  ASSERT_FALSE(clock);
  EXPECT_NE(clock.error().message.find("/tmp/vm0-no-such-clock"), std::string::npos);
}

}  // namespace
}  // namespace vm0::os
