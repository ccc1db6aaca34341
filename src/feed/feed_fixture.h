// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "feed/feed.h"
#include "store/test_store.h"

namespace vm0::feed {

inline Status OpenGate(store::Stores&) { return {}; }

struct FeedTest : testing::Test {
  FeedTest() { run = store::InsertRunning(store).id; }

  void Restart() {
    feed.reset();
    store.Reopen();
    feed = std::make_unique<Feed>(*store.database, clock, limits);
  }
  Result<std::int64_t> Append(const std::string& body, Feed::Gate gate = OpenGate) {
    return store::Await(store.loop, feed->Append(run, body, gate));
  }
  Result<Feed::Received> AppendRaw(std::vector<std::string> events,
                                   std::optional<std::int64_t> first = std::nullopt,
                                   Feed::Gate gate = OpenGate) {
    return store::Await(store.loop, feed->AppendRaw(run, std::move(events), first, gate));
  }
  void End(store::RunStatus status) {
    const auto ended = store.Write([id = run, status](store::Stores& s) -> Status {
      auto row = s.runs.FindRun(id).value().value();
      row.status = status;
      row.completed_at = store::TimeOf(9);
      row.error = "why";
      row.result = "{}";
      return s.runs.UpdateRun(row);
    });
    ASSERT_TRUE(ended);
    feed->Wake(run);
  }
  Page Read(std::int64_t since, int limit = 100) { return feed->Read(run, since, limit).value(); }
  static std::vector<std::int64_t> NumbersOf(const Page& page) {
    std::vector<std::int64_t> numbers;
    for (const auto& event : page.events) numbers.push_back(event->sequence);
    return numbers;
  }

  os::FakeClock clock;
  store::TestStore store;
  TailLimits limits;
  std::unique_ptr<Feed> feed = std::make_unique<Feed>(*store.database, clock, limits);
  RunId run;
};

using Numbers = std::vector<std::int64_t>;

}  // namespace vm0::feed
