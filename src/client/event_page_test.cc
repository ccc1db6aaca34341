// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/user_client.h"

namespace vm0::client {
namespace {

using testing::HasSubstr;

std::string PageOf(const std::string& events, const std::string& run = R"({"status":"running"})") {
  return R"({"events":[)" + events + R"(],"hasMore":false,"nextSequence":7,"run":)" + run +
         R"(,"provider":"command","dialect":"plain"})";
}

std::string EnvelopeOf(const std::string& data) {
  return R"({"sequenceNumber":7,"eventType":"text","source":"agent","eventData":)" + data +
         R"(,"createdAt":"2025-11-20T08:00:00.250Z"})";
}

TEST(EventPage, KeepsEventDataByteForByte) {
  for (const std::string data :
       {R"({"type":"text", "n": 1.0e+2,"s":"\u00e4\ud800","s":"twice"})",
        R"({"big":123456789012345678901234567890,"nested":{"events":[{"sequenceNumber":1}]}})",
        "{\"line\":\"\xe2\x80\xa8\",\"empty\":{}}", " { \"spaced\" : 1 }\t \r"}) {
    const auto page = ParseEventPage(PageOf(EnvelopeOf(data)));
    ASSERT_TRUE(page.has_value()) << page.error().message;
    ASSERT_EQ(page->events.size(), 1u);
    EXPECT_EQ(page->events[0].data, data);
    EXPECT_EQ(page->events[0].envelope, EnvelopeOf(data));
  }
}

TEST(EventPage, ReadsTheFieldsOfPageAndEvent) {
  const auto page = ParseEventPage(PageOf(EnvelopeOf("{}")));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next_sequence, 7);
  EXPECT_FALSE(page->has_more);
  EXPECT_EQ(page->provider, "command");
  EXPECT_EQ(page->dialect, "plain");
  EXPECT_EQ(page->run.status, "running");
  EXPECT_FALSE(page->run.is_terminal());
  const auto& event = page->events.at(0);
  EXPECT_EQ(event.sequence, 7);
  EXPECT_EQ(event.type, "text");
  EXPECT_EQ(event.source, event::Source::kAgent);
  EXPECT_EQ(event.created_at, WallTime{Micros{1'763'625'600'250'000}});
}

TEST(EventPage, ReadsTheEndOfARun) {
  const auto page = ParseEventPage(PageOf(
      "",
      R"({"status":"failed","error":"exit code 3","errorCode":"IO_ERROR","result":{"output":"x"}})"));
  ASSERT_TRUE(page.has_value());
  EXPECT_TRUE(page->run.is_terminal());
  EXPECT_EQ(page->run.error, "exit code 3");
  EXPECT_EQ(page->run.error_code, "IO_ERROR");
  ASSERT_TRUE(page->run.result.has_value());
}

TEST(EventPage, OnlyTheFourEndsAreTerminal) {
  RunState run;
  for (const char* status : {"completed", "failed", "timeout", "cancelled"}) {
    run.status = status;
    EXPECT_TRUE(run.is_terminal()) << status;
  }
  for (const char* status : {"pending", "running", "queued", ""}) {
    run.status = status;
    EXPECT_FALSE(run.is_terminal()) << status;
  }
}

TEST(EventPage, RefusesWhatIsNoPage) {
  for (
      const std::string body :
      {"", "<html>", "[]", "{}", R"({"events":[],"hasMore":false,"nextSequence":0})",
       R"({"events":{},"hasMore":false,"nextSequence":0,"run":{"status":"running"}})",
       R"({"events":[1],"hasMore":false,"nextSequence":0,"run":{"status":"running"}})",
       R"({"events":[],"hasMore":1,"nextSequence":0,"run":{"status":"running"}})",
       R"({"events":[],"hasMore":false,"nextSequence":"0","run":{"status":"running"}})",
       R"({"events":[{"sequenceNumber":1}],"hasMore":false,"nextSequence":1,"run":{"status":"x"}})",
       R"({"events":[],"hasMore":false,"nextSequence":0,"run":{}})"}) {
    const auto page = ParseEventPage(body);
    ASSERT_FALSE(page.has_value()) << body;
    EXPECT_EQ(page.error().code, Code::kUnreachable);
  }
}

TEST(EventPage, AnUnreadableTimeLosesNoEvent) {
  const auto page = ParseEventPage(
      PageOf(R"({"sequenceNumber":1,"eventData":{},"source":"news","createdAt":"yesterday"})"));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->events.at(0).created_at, WallTime{});
  EXPECT_EQ(page->events.at(0).source, event::Source::kVm0);
}

TEST(ErrorOf, TakesCodeMessageAndNumberOfTheServer) {
  const http::Response response{
      .status = 409,
      .headers = {},
      .body = R"({"error":{"message":"ahead","code":"CURSOR_AHEAD","number":12}})"};
  const Error error = ErrorOf(response);
  EXPECT_EQ(error.code, Code::kCursorAhead);
  EXPECT_EQ(error.message, "ahead");
  EXPECT_EQ(error.number, 12);
}

TEST(ErrorOf, FallsBackToTheStatusWhenThereIsNoErrorBody) {
  const auto code_of = [](int status) {
    return ErrorOf({.status = status, .headers = {}, .body = "<html>"}).code;
  };
  EXPECT_EQ(code_of(401), Code::kUnauthorized);
  EXPECT_EQ(code_of(403), Code::kForbidden);
  EXPECT_EQ(code_of(404), Code::kNotFound);
  EXPECT_EQ(code_of(418), Code::kBadRequest);
  EXPECT_EQ(code_of(502), Code::kInternal);
  EXPECT_EQ(code_of(503), Code::kUnavailable);
  EXPECT_THAT(ErrorOf({.status = 502, .headers = {}, .body = ""}).message, HasSubstr("502"));
}

TEST(ErrorOf, AnUnknownCodeOfANewerServerKeepsItsMessage) {
  const Error error = ErrorOf(
      {.status = 402, .headers = {}, .body = R"({"error":{"message":"pay","code":"CREDITS"}})"});
  EXPECT_EQ(error.code, Code::kBadRequest);
  EXPECT_EQ(error.message, "pay");
}

}  // namespace
}  // namespace vm0::client
