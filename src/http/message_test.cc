// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <gmock/gmock.h>

#include "http/client.h"

namespace vm0::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Headers, CompareNamesWithoutCaseAndKeepTheirOrder) {
  Headers headers;
  headers.Set("B", "1");
  headers.Set("a", "2");
  headers.Set("b", "3");
  EXPECT_THAT(headers.all(), ElementsAre(Pair("B", "3"), Pair("a", "2")));
  EXPECT_EQ(headers.Find("A"), "2");
  EXPECT_EQ(headers.Find("c"), std::nullopt);
}

TEST(Target, IsTakenApartAndDecoded) {
  const auto target = ParseTarget("/api/a%2Fb/%C3%BC+x?q=1+2%26&flag&q=last&=v&%6e=").value();
  EXPECT_EQ(target.path, "/api/a/b/ü+x");
  EXPECT_THAT(target.segments, ElementsAre("api", "a/b", "ü+x"));
  EXPECT_THAT(target.query, ElementsAre(Pair("q", "1 2&"), Pair("flag", ""), Pair("q", "last"),
                                        Pair("", "v"), Pair("n", "")));
  EXPECT_EQ(target.Query("q"), "last");
  EXPECT_EQ(target.Query("none"), std::nullopt);
}

TEST(Target, KeepsEmptySegments) {
  EXPECT_THAT(ParseTarget("/")->segments, IsEmpty());
  EXPECT_THAT(ParseTarget("/a/")->segments, ElementsAre("a", ""));
  EXPECT_THAT(ParseTarget("//a?")->segments, ElementsAre("", "a"));
}

TEST(Target, RefusesWhatIsNoPathOrBadlyEncoded) {
  for (const char* bad : {"", "*", "a/b", "http://x/y", "/%", "/%1", "/%zz", "/a%00b", "/%FF",
                          "/?q=%", "/?%=1", "/#f", "/?q=%C3"}) {
    const auto target = ParseTarget(bad);
    ASSERT_FALSE(target) << bad;
    EXPECT_EQ(target.error().code, Code::kBadRequest);
  }
}

TEST(PercentEncode, ComesBackFromParseTarget) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  all += "ü€😀";
  EXPECT_EQ(ParseTarget("/" + PercentEncode(all))->segments, std::vector{all});
  EXPECT_EQ(ParseTarget("/?x=" + PercentEncode(all))->Query("x"), all);
  EXPECT_EQ(PercentEncode("a-B_1.~ /"), "a-B_1.~%20%2F");
}

std::vector<SseEvent> ParseInPieces(std::string_view bytes, std::size_t size) {
  SseParser parser;
  std::vector<SseEvent> all;
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    auto events = parser.Feed(bytes.substr(i, size)).value();
    for (auto& event : events) all.push_back(std::move(event));
  }
  return all;
}

std::string Show(const std::vector<SseEvent>& events) {
  std::string text;
  for (const auto& event : events) text += event.id + "|" + event.event + "|" + event.data + ";";
  return text;
}

TEST(SseParser, GivesTheSameEventsForPiecesOfAnySizeAndAnyLineEnd) {
  const std::string lines =
      "\xEF\xBB\xBF: comment\n\nid: 7\nevent: status\ndata: {\"a\":1}\n\ndata:two\ndata:  lines\n\n"
      "data\n\nevent: dropped\nid: 9\n\nunknown: x\nretry: 5\n:\ndata: last\nid: 1\nid: 2\n\ndata: "
      "open\n";
  const std::string expected = "7|status|{\"a\":1};||two\n lines;||;2||last;";
  for (const std::string end : {"\n", "\r", "\r\n"}) {
    std::string bytes;
    for (const char c : lines) bytes += c == '\n' ? end : std::string(1, c);
    for (const std::size_t size : {1u, 2u, 3u, 7u, 1000u}) {
      EXPECT_EQ(Show(ParseInPieces(bytes, size)), expected) << size << " " << end.size();
    }
  }
}

TEST(SseParser, TakesJsonWithRawLineSeparatorsAsOneLine) {
  const std::string data = "{\"t\":\"a\u2028b\u2029c\u0085\"}";
  const auto bytes = FormatSse({.id = "1", .event = "", .data = data});
  for (const std::size_t size : {1u, 2u, 100u}) {
    EXPECT_EQ(Show(ParseInPieces(bytes, size)), "1||" + data + ";");
  }
}

TEST(SseParser, RefusesAnEventWithoutEnd) {
  SseParser parser;
  const std::string piece(16 << 20, 'x');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(parser.Feed(piece));
  EXPECT_EQ(parser.Feed("x").error().code, Code::kPayloadTooLarge);
  SseParser lines;
  const std::string line = "data:" + piece + "\n";
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(lines.Feed(line));
  EXPECT_EQ(lines.Feed(line).error().code, Code::kPayloadTooLarge);
}

TEST(FormatSse, KeepsLineBreaksInDataAndNoneElsewhere) {
  EXPECT_EQ(FormatSse({.id = "3", .event = "end", .data = "a\nb\r\nc\rd"}),
            "id: 3\nevent: end\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(FormatSse({.id = "", .event = "", .data = ""}), "data: \n\n");
  EXPECT_EQ(FormatSse({.id = "1\ndata: x", .event = "", .data = "y"}), "id: 1data: x\ndata: y\n\n");
}

TEST(Endpoint, IsParsedAndShown) {
  for (const char* same :
       {"unix:/a b/server.sock", "http://127.0.0.1:8400", "https://vm0.example.com",
        "http://[::1]:81/base/path", "https://h:80"}) {
    EXPECT_EQ(Endpoint::Parse(same)->ToString(), same);
  }
  const auto endpoint = Endpoint::Parse("HTTP://Host/x/").value();
  EXPECT_EQ(endpoint.port, "80");
  EXPECT_EQ(endpoint.base_path, "/x");
  EXPECT_EQ(Endpoint::Parse("http://[::1]:81")->host, "::1");
  EXPECT_EQ(Endpoint::Parse("http://[::1]:81")->Authority(), "[::1]:81");
}

TEST(Endpoint, RefusesOtherUrlsWithTheFormsInTheMessage) {
  for (const char* bad : {"", "localhost:8400", "ftp://x", "unix:server.sock", "http://",
                          "http:///x", "http://u:p@h", "http://h?q", "http://h#f",
                          "http://h:99999x", "http://h:99999", "http://h:0", "http://h h"}) {
    const auto endpoint = Endpoint::Parse(bad);
    ASSERT_FALSE(endpoint) << bad;
    EXPECT_EQ(endpoint.error().code, Code::kBadRequest);
    EXPECT_THAT(endpoint.error().message, testing::HasSubstr("unix:/PATH"));
  }
}

TEST(Sse, CarriageReturnsComeBackFromTheFieldThatNamesThem) {
  const std::string data = "{\r\"a\":\r\r1}\r";
  std::string frame = "data: " + data;
  const std::string returns = ReplaceCarriageReturns(frame, 6);
  EXPECT_EQ(returns, "1,5,1,3");
  EXPECT_EQ(frame, "data: { \"a\":  1} ");
  for (const std::string& text : {frame + "\ncr: " + returns, "cr:" + returns + "\n" + frame}) {
    SseParser parser;
    const auto events = parser.Feed(text + "\n\ndata: a b\n\n").value();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].data, data);
    EXPECT_EQ(events[1].data, "a b") << "it is of one event";
  }
}

TEST(Sse, ANonsenseOfCarriageReturnsIsPassedOver) {
  for (const char* returns : {"0", "x", "-1", "3", "99999999999999999999", ",", "1,1", "1,-1"}) {
    SseParser parser;
    const auto events = parser.Feed(std::string("cr: ") + returns + "\ndata: a b\n\n").value();
    ASSERT_EQ(events.size(), 1u);
    const bool begins_well = std::string_view(returns).starts_with("1");
    EXPECT_EQ(events[0].data, begins_well ? "a\rb" : "a b") << returns;
  }
}

}  // namespace
}  // namespace vm0::http
