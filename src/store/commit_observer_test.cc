// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "os/clock.h"
#include "store/commit_queue.h"
#include "store/database.h"
#include "store/test_store.h"

namespace vm0::store {
namespace {

struct Groups final : CommitObserver {
  MonoTime Now() const override { return clock.Now(); }
  void OnGroup(std::size_t works, Micros took) override {
    sizes.push_back(works);
    times.push_back(took);
  }
  void OnWait(Micros waited) override { waits.push_back(waited); }

  os::FakeClock clock;
  std::vector<std::size_t> sizes;
  std::vector<Micros> times;
  std::vector<Micros> waits;
};

struct CommitObserverTest : testing::Test {
  void Submit() {
    queue.Submit(nullptr, [this](const Status&) { ++dones; });
  }
  void Drain() {
    loop.restart();
    loop.run();
  }

  asio::io_context loop;
  Groups groups;
  int dones = 0;
  CommitQueue queue{loop.get_executor(),
                    [this](std::span<QueuedWork>) {
                      groups.clock.Advance(Millis(5));
                      return true;
                    },
                    &groups};
};

TEST_F(CommitObserverTest, LearnsHowManyWereCommittedHowLongThatTookAndWhatEachWaited) {
  Submit();
  groups.clock.Advance(Millis(2));
  Submit();
  EXPECT_EQ(queue.stats().pending, 2u);
  groups.clock.Advance(Millis(1));
  Drain();
  Submit();
  Drain();
  EXPECT_EQ(dones, 3);
  EXPECT_EQ(queue.stats().pending, 0u);
  EXPECT_EQ(groups.sizes, (std::vector<std::size_t>{2, 1}));
  EXPECT_EQ(groups.times, (std::vector<Micros>{Millis(5), Millis(5)}));
  EXPECT_EQ(groups.waits, (std::vector<Micros>{Millis(3), Millis(1), Micros(0)}));
}

}  // namespace
}  // namespace vm0::store
