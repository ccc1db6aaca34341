// SPDX-License-Identifier: Apache-2.0
#include "api/frames.h"

#include "api/test_stack.h"
#include "event/record.h"

namespace vm0::api {
namespace {

struct FramesTest : testing::Test {
  // A run with one event.
  feed::Head Store(std::size_t size) {
    const Stack::ClaimedRun run = stack.ClaimAndStart();
    const std::string event = "{\"text\":\"" + std::string(size, 'x') + "\"}";
    std::string record;
    event::AppendRecord(record, 1, stack.clock.WallNow(), event::Source::kAgent, event);
    EXPECT_EQ(stack.PostRecords(record, run.token).status, 200);
    return stack.feed->ReadHead(*RunId::Parse(run.id)).value();
  }

  Stack stack;
  FramesMaker maker{*stack.feed};
  FramesQuery query{.since = 0, .limit = 10};
};

TEST_F(FramesTest, LargeOnesAreSharedWhileSomebodyHoldsThem) {
  const feed::Head head = Store(2 << 20);
  std::shared_ptr<const Frames> mine = maker.Read(head, query).value();
  EXPECT_EQ(maker.Read(head, query).value(), mine);
  const std::weak_ptr<const Frames> seen = mine;
  mine.reset();
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(maker.Read(head, query).value()->last(), 1);
}

TEST_F(FramesTest, SmallOnesAreKeptForThoseWhoComeLater) {
  const feed::Head head = Store(10);
  const std::weak_ptr<const Frames> seen = maker.Read(head, query).value();
  EXPECT_FALSE(seen.expired());
  query.framing = Framing::kWebSocket;
  EXPECT_NE(maker.Read(head, query).value(), seen.lock());
}

}  // namespace
}  // namespace vm0::api
