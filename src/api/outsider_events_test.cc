// SPDX-License-Identifier: Apache-2.0
#include "api/outsider_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/record.h"
#include "feed/feed.h"

namespace vm0::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

http::Headers ContentType(std::string type) {
  http::Headers headers;
  headers.Set("content-type", std::move(type));
  return headers;
}

TEST(OutsiderEvents, KeepsEachEventByteForByte) {
  const std::string array =
      "[ {\"type\":\"a\", \"n\": 1.0e+2,\"n\":2,\"s\":\"\\ud800\xe2\x80\xa8\"} "
      ",{\"x\":\n1234567890123"
      "45678901234567890\r}]";
  const auto events = SplitEventsArray(array);
  ASSERT_TRUE(events) << events.error().message;
  EXPECT_THAT(*events,
              ElementsAre("{\"type\":\"a\", \"n\": 1.0e+2,\"n\":2,\"s\":\"\\ud800\xe2\x80\xa8\"}",
                          // A line break between tokens is white space; records have none.
                          "{\"x\": 123456789012345678901234567890\r}"));
}

TEST(OutsiderEvents, ReadsTheReferencesBody) {
  const auto body = ParseEventsBody(
      R"({"x":1,"runId":"a\u0062","events":[1],"firstSequence":7,"events":[{}],"v":1})");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(body->run_id, "ab");
  EXPECT_EQ(body->first_sequence, 7);
  EXPECT_EQ(body->events, "[{}]");
  EXPECT_FALSE(ParseEventsBody("{}")->run_id);
  EXPECT_FALSE(ParseEventsBody(R"({"runId":null,"firstSequence":null})")->first_sequence);
}

TEST(OutsiderEvents, NamesWhatIsWrongWithABody) {
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {"", "Request body is not valid JSON: "},
      {"{", "Request body is not valid JSON: "},
      {R"({"a":1}x)", "Request body is not valid JSON: "},
      {"[]", "must be a JSON object"},
      {R"({"runId":1})", "runId must be a string"},
      {R"({"firstSequence":0})", "firstSequence must be"},
      {R"({"firstSequence":1.5})", "firstSequence must be"},
      {R"({"firstSequence":"1"})", "firstSequence must be"},
      {R"({"firstSequence":99999999999999999999})", "firstSequence must be"},
      {R"({"v":2})", "Unknown version \"v\":2"},
  };
  for (const auto& each : cases) {
    const auto body = ParseEventsBody(each.body);
    ASSERT_FALSE(body) << each.body;
    EXPECT_THAT(body.error().message, HasSubstr(each.message)) << each.body;
  }
}

TEST(OutsiderEvents, RefusesWhatIsNoArrayOfObjects) {
  EXPECT_EQ(SplitEventsArray("").error().message, "Missing or invalid events array");
  EXPECT_EQ(SplitEventsArray("{}").error().message, "Missing or invalid events array");
  EXPECT_EQ(SplitEventsArray("null").error().message, "Missing or invalid events array");
  EXPECT_EQ(SplitEventsArray("[]").error().message, "Events array cannot be empty");
  EXPECT_THAT(SplitEventsArray("[{},[]]").error().message, HasSubstr("events[1] must be"));
  EXPECT_THAT(SplitEventsArray("[{\"a\":\"\xff\"}]").error().message, HasSubstr("events[0]"));
}

TEST(OutsiderEvents, LimitsHowManyAndHowLong) {
  const auto repeated = [](std::size_t count) {
    std::string lines;
    for (std::size_t i = 0; i < count; ++i) lines += "{}\n";
    return SplitNdjson(lines);
  };
  EXPECT_TRUE(repeated(feed::kMaxAppendEvents));
  EXPECT_EQ(repeated(feed::kMaxAppendEvents + 1).error().code, Code::kPayloadTooLarge);
  const std::string longest = "{\"a\":\"" + std::string(event::kMaxLineLimit - 8, 'x') + "\"}";
  EXPECT_TRUE(SplitNdjson(longest));
  EXPECT_EQ(SplitNdjson(longest + " ").error().code, Code::kPayloadTooLarge);
}

TEST(OutsiderEvents, ReadsLinesAndSkipsEmptyOnes) {
  const auto events = SplitNdjson("{\"a\":1}\r\n\n  \r\n{\"b\":2}");
  ASSERT_TRUE(events);
  EXPECT_THAT(*events, ElementsAre("{\"a\":1}\r", "{\"b\":2}"));
  EXPECT_EQ(SplitNdjson("\n\n").error().message, "Events array cannot be empty");
  EXPECT_THAT(SplitNdjson("{}\n\nnot json\n").error().message, HasSubstr("line 3 must be"));
}

TEST(OutsiderEvents, TellsTheFormatsApart) {
  EXPECT_EQ(*FormatOfEvents({}), EventsFormat::kJson);
  EXPECT_EQ(*FormatOfEvents(ContentType("application/json; charset=utf-8")), EventsFormat::kJson);
  EXPECT_EQ(*FormatOfEvents(ContentType("application/x-www-form-urlencoded")), EventsFormat::kJson);
  EXPECT_EQ(*FormatOfEvents(ContentType("Application/X-NDJSON")), EventsFormat::kNdjson);
  EXPECT_EQ(*FormatOfEvents(ContentType(std::string(event::kRecordContentType))),
            EventsFormat::kRecords);
  EXPECT_EQ(*FormatOfEvents(ContentType("application/x-vm0-events;V=1")), EventsFormat::kRecords);
  for (const char* type : {"application/x-vm0-events", "application/x-vm0-events; v=2",
                           "application/x-vm0-events; w=1"}) {
    const auto format = FormatOfEvents(ContentType(type));
    ASSERT_FALSE(format) << type;
    EXPECT_THAT(format.error().message, HasSubstr("Unknown version")) << type;
  }
}

}  // namespace
}  // namespace vm0::api
