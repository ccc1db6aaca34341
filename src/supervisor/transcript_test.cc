// SPDX-License-Identifier: Apache-2.0
#include "supervisor/transcript.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/json.h"
#include "os/file.h"
#include "supervisor/test_folder.h"

namespace vm0::supervisor {
namespace {

class TranscriptTest : public ::testing::Test {
 protected:
  // The events that these bytes of one stream become, with their sources before them.
  std::vector<std::string> Take(std::string_view bytes, Stream stream = Stream::kStdout) {
    LineSplitter splitter = transcript.MakeSplitter();
    const auto sink = [&](const Line& line) { transcript.Take(stream, line); };
    splitter.Feed(bytes, sink);
    splitter.Finish(sink);
    journal.Flush();
    std::vector<std::string> events;
    const std::string spooled = *os::ReadFile(folder.path() / "spool");
    const auto records =
        event::ParseRecords(std::string_view(spooled).substr(event::kSpoolHeader.size()));
    for (const auto& record : *records) {
      events.push_back(std::string(NameOf(record.source)) + " " + std::string(record.json));
    }
    return events;
  }

  asio::io_context loop;
  os::FakeClock clock;
  Log log{clock, -1};
  TestFolder folder;
  Spool spool = std::move(*Spool::Create(folder.path() / "spool"));
  Masker masker{{"hunter2", "a-long-secret"}};
  Journal journal{loop.get_executor(), {spool, clock, log, masker}, [] {}};
  int full = 0;
  Transcript transcript{journal,
                        masker,
                        *agent::FindDialect("claude-code"),
                        {.line_bytes = 16 << 20, .spool_bytes = 1 << 30},
                        [this] { ++full; }};
};

TEST_F(TranscriptTest, MasksBeforeItClassifies) {
  EXPECT_EQ(Take("{\"a\":\"hunter2\"}\nhunter2\n\n"),
            (std::vector<std::string>{"agent {\"a\":\"***\"}",
                                      "stdout {\"type\":\"stdout\",\"text\":\"***\"}"}));
}

TEST_F(TranscriptTest, MasksWhatItWrapsAndWhatItCuts) {
  EXPECT_EQ(Take("a-long-secret", Stream::kStderr),
            std::vector<std::string>{R"(stderr {"type":"stderr","text":"***"})"});
  // Across the place where the line is cut, and escaped.
  const std::string start = std::string((64 << 10) - 6, 'x');
  const auto events = Take(start + R"(a\u002dlong\u002dsecret)" + std::string(17 << 20, 'y'));
  const auto event = ParseJsonObject(events.back().substr(4), "event");
  EXPECT_EQ(event->at("text").as_string(), start + "***");
}

TEST_F(TranscriptTest, TheJournalMasksVm0sOwnEvents) {
  journal.Add(event::Source::kVm0,
              MakeVm0Event("network", "GET /?key=a-long-secret", {{"bytes", 1}}));
  EXPECT_EQ(Take(""), std::vector<std::string>{
                          R"(vm0 {"type":"vm0","event":"network","message":"GET /?key=***",)"
                          R"("bytes":1})"});
}

TEST_F(TranscriptTest, TakesJsonOnStderrForText) {
  EXPECT_EQ(
      Take("{\"type\":\"result\",\"subtype\":\"success\"}", Stream::kStderr),
      std::vector<std::string>{
          R"(stderr {"type":"stderr","text":"{\"type\":\"result\",\"subtype\":\"success\"}"})"});
  EXPECT_FALSE(transcript.outcome());
}

TEST_F(TranscriptTest, RemembersTheLastTerminalEvent) {
  Take(R"({"type":"result","subtype":"success","is_error":false,"result":"1"})");
  EXPECT_EQ(transcript.outcome()->result, "1");
  Take(R"({"type":"result","subtype":"success","is_error":true,"result":"2"})");
  EXPECT_EQ(transcript.outcome()->result, "2");
  EXPECT_FALSE(transcript.outcome()->success);
}

TEST_F(TranscriptTest, CutsALineWhoseEventWouldBeTooLarge) {
  // Within the line's limit, but each byte becomes six.
  const std::string line(5 << 20, '\x01');
  const auto events = Take(line);
  ASSERT_EQ(events.size(), 1u);
  ASSERT_TRUE(events[0].starts_with("vm0 ")) << events[0].substr(0, 100);
  const auto event = ParseJsonObject(events[0].substr(4), "event");
  EXPECT_EQ(event->at("event").as_string(), "line_cut");
  EXPECT_EQ(event->at("length").as_int64(), 5 << 20);
  EXPECT_EQ(event->at("text").as_string().size(), 64u << 10);
}

TEST_F(TranscriptTest, CutsALineBetweenCharacters) {
  const auto kept = [this](const std::string& line) {
    const auto event = ParseJsonObject(Take(line).back().substr(4), "event");
    return std::string(event->at("text").as_string());
  };
  const std::string tail(17 << 20, 'y');
  const std::string start((64 << 10) - 2, 'x');
  EXPECT_EQ(kept(start + "\xe2\x82\xac" + tail), start) << "the third byte is behind the cut";
  EXPECT_EQ(kept("\n" + start.substr(1) + "\xe2\x82\xac" + tail), start.substr(1) + "\u20ac");
  EXPECT_EQ(kept("\n" + start + "\xf0\x9f\x98\x80" + tail), start);
  EXPECT_EQ(kept("\n" + start + std::string(17 << 20, '\xbf')), start + "\ufffd\ufffd");
}

TEST_F(TranscriptTest, NamesTheStreamOfACutLine) {
  const auto events = Take(std::string(17 << 20, 'x'), Stream::kStderr);
  const auto event = ParseJsonObject(events.at(0).substr(4), "event");
  EXPECT_EQ(event->at("stream").as_string(), "stderr");
  EXPECT_EQ(event->at("length").as_int64(), 17 << 20);
}

}  // namespace
}  // namespace vm0::supervisor
