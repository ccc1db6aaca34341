// SPDX-License-Identifier: Apache-2.0
#include "os/wakeup.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>

namespace vm0::os {
namespace {

asio::awaitable<void> WaitAndCount(Wakeup& wakeup, Clock& clock, MonoTime deadline, int& ended) {
  co_await wakeup.Wait(clock, deadline);
  ++ended;
}

struct WakeupTest : testing::Test {
  void Spawn(MonoTime deadline) {
    loop.restart();
    asio::co_spawn(loop, WaitAndCount(wakeup, clock, deadline, ended), asio::detached);
  }

  FakeClock clock;
  Wakeup wakeup;
  asio::io_context loop;
  int ended = 0;
};

TEST_F(WakeupTest, EndsTheWaitOnAWakeAndForgetsItsTimer) {
  Spawn(clock.Now() + Seconds(10));
  loop.poll();
  EXPECT_TRUE(wakeup.waiting());
  wakeup.Wake();
  wakeup.Wake();
  EXPECT_EQ(ended, 0);  // not inside of Wake
  loop.poll();
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(wakeup.waiting());
  EXPECT_EQ(clock.pending(), 0u);
}

TEST_F(WakeupTest, KeepsAWakeThatCameWhileNobodyWaited) {
  wakeup.Wake();
  Spawn(MonoTime::max());
  loop.poll();
  EXPECT_EQ(ended, 1);
  Spawn(MonoTime::max());  // one wake ends one wait
  loop.poll();
  EXPECT_EQ(ended, 1);
  wakeup.Wake();
  loop.poll();
  EXPECT_EQ(ended, 2);
}

TEST_F(WakeupTest, EndsTheWaitAtTheDeadline) {
  Spawn(clock.Now() + Seconds(10));
  loop.poll();
  clock.Advance(Seconds(10) - Micros(1));
  loop.poll();
  EXPECT_EQ(ended, 0);
  clock.Advance(Micros(1));
  loop.poll();
  EXPECT_EQ(ended, 1);
  Spawn(clock.Now());  // a deadline that has passed
  loop.poll();
  EXPECT_EQ(ended, 2);
}

TEST_F(WakeupTest, EndsTheWaitWhenTheCoroutineIsCancelled) {
  asio::cancellation_signal cancel;
  asio::co_spawn(loop, WaitAndCount(wakeup, clock, MonoTime::max(), ended),
                 asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  loop.poll();
  cancel.emit(asio::cancellation_type::terminal);
  loop.poll();
  EXPECT_EQ(ended, 1);
}

TEST_F(WakeupTest, LeavesNothingBehindWhenTheLoopIsDestroyedInTheMiddle) {
  auto own_loop = std::make_unique<asio::io_context>();
  asio::co_spawn(*own_loop, WaitAndCount(wakeup, clock, clock.Now() + Seconds(1), ended),
                 asio::detached);
  own_loop->poll();
  own_loop.reset();
  EXPECT_FALSE(wakeup.waiting());
  EXPECT_EQ(clock.pending(), 0u);
  clock.Advance(Seconds(2));
  EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace vm0::os
