// SPDX-License-Identifier: Apache-2.0
#include "client/stream_reader.h"

#include <gtest/gtest.h>

namespace vm0::client {
namespace {

constexpr std::string_view kEvent =
    R"({"sequenceNumber":7,"eventType":"text","eventData":{ "type":"text" },)"
    R"("createdAt":"2025-11-20T08:00:00.000Z","source":"agent"})";

TEST(StreamedPage, HasWhatCameAndWhatIsKnownOfTheRun) {
  StreamedPage stream;
  EXPECT_FALSE(stream.has_news());
  ASSERT_TRUE(stream.SetStatus(R"({"status":"running","provider":"p","dialect":"d"})"));
  EXPECT_TRUE(stream.has_news());
  EventPage page = stream.Take(6);
  EXPECT_FALSE(stream.has_news());
  EXPECT_EQ(page.next_sequence, 6);
  EXPECT_EQ(page.run.status, "running");
  ASSERT_TRUE(stream.AddEvent(kEvent));
  page = stream.Take(6);
  ASSERT_EQ(page.events.size(), 1u);
  EXPECT_EQ(page.events[0].envelope, kEvent);
  EXPECT_EQ(page.events[0].data, R"({ "type":"text" })");
  EXPECT_EQ(page.next_sequence, 7);
  EXPECT_EQ(page.dialect, "d") << "said once, it holds";
  EXPECT_FALSE(page.has_more);
  ASSERT_TRUE(stream.SetEnd(R"({"status":"failed","error":"why"})"));
  page = stream.Take(7);
  EXPECT_TRUE(page.events.empty());
  EXPECT_TRUE(page.run.is_terminal());
  EXPECT_EQ(page.run.error, "why");
}

TEST(StreamedPage, WhatMakesNoSenseIsAFaultOfTheServer) {
  StreamedPage stream;
  EXPECT_EQ(stream.AddEvent("[]").error().code, Code::kUnreachable);
  EXPECT_EQ(stream.AddEvent(R"({"eventData":{}})").error().code, Code::kUnreachable);
  EXPECT_EQ(stream.SetStatus("7").error().code, Code::kUnreachable);
  EXPECT_EQ(stream.SetEnd(R"({"status":"running"})").error().code, Code::kUnreachable);
  EXPECT_FALSE(stream.has_news());
}

TEST(StreamedPage, TheErrorOfAStreamIsTheServers) {
  const Error error =
      StreamedPage::ErrorIn(R"({"message":"gone","code":"EVENTS_PRUNED","number":9})");
  EXPECT_EQ(error, (Error{Code::kEventsPruned, "gone", 9}));
}

TEST(Transport, HasANameAndIsFoundByIt) {
  for (const auto transport :
       {Transport::kSse, Transport::kWebSocket, Transport::kLongPoll, Transport::kPoll})
    EXPECT_EQ(FindTransport(NameOf(transport)), transport);
  EXPECT_FALSE(FindTransport("pigeon"));
}

}  // namespace
}  // namespace vm0::client
