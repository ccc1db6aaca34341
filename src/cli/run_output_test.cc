// SPDX-License-Identifier: Apache-2.0
#include "cli/run_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "os/fd.h"

namespace vm0::cli {
namespace {

using event::Source;
using term::Colour;
using testing::HasSubstr;

client::ReceivedEvent EventOf(std::int64_t number, Source source, std::string data) {
  client::ReceivedEvent event;
  event.sequence = number;
  event.source = source;
  event.envelope = "{\"sequenceNumber\":" + std::to_string(number) + ",\"eventData\":" + data + "}";
  event.data = std::move(data);
  return event;
}

// One event of each source.
client::EventPage SamplePage() {
  client::EventPage page;
  page.dialect = "plain";
  page.events = {EventOf(1, Source::kAgent, R"({"type":"note", "n":1.0})"),
                 EventOf(2, Source::kStdout, R"({"type":"stdout","text":"a plain line"})"),
                 EventOf(3, Source::kStderr, R"({"type":"stderr","text":"a warning"})"),
                 EventOf(4, Source::kVm0, R"({"type":"line_cut","message":"a line was cut"})"),
                 EventOf(5, Source::kStdout, R"({"type":"stdout","text":"?","base64":"/w=="})")};
  return page;
}

struct Shown {
  std::string out;
  std::string err;
};

class RunOutputTest : public testing::Test {
 protected:
  Shown Show(ShowOptions options, const client::EventPage& page,
             Selection selection = Selection::kAll) {
    auto out = *os::MakeMemFile("out", "");
    auto err = *os::MakeMemFile("err", "");
    Output output{.out = Stream(out.get(), Colour::kOff), .err = Stream(err.get(), Colour::kOff)};
    RunOutput run_output(output, options, Text::kWhole, selection);
    asio::io_context loop;
    asio::co_spawn(loop, ShowAll(run_output, page), asio::detached);
    loop.run();
    shown_events_ = run_output.shown();
    return {Content(out.get()), Content(err.get())};
  }

  std::int64_t shown_events_ = 0;

 private:
  static asio::awaitable<void> ShowAll(RunOutput& output, const client::EventPage& page) {
    const Status shown = co_await output.Show(page);
    EXPECT_TRUE(shown);
    const Status finished = co_await output.Finish();
    EXPECT_TRUE(finished);
  }
  static std::string Content(int fd) {
    std::string text(1 << 16, '\0');
    text.resize(static_cast<std::size_t>(::pread(fd, text.data(), text.size(), 0)));
    return text;
  }
};

TEST_F(RunOutputTest, EventsGoToStdoutAndWhatIsSaidBesidesToStderr) {
  const Shown shown = Show({}, SamplePage());
  EXPECT_EQ(shown.out, "[note] {\"type\":\"note\",\"n\":1.0}\na plain line\n\xef\xbf\xbd\n");
  EXPECT_THAT(shown.err, HasSubstr("a warning\n"));
  EXPECT_THAT(shown.err, HasSubstr("a line was cut\n"));
  EXPECT_EQ(shown_events_, 5);
}

TEST_F(RunOutputTest, RawIsTheAgentsStdoutByteForByte) {
  const Shown shown = Show({.format = Format::kRaw}, SamplePage());
  EXPECT_EQ(shown.out, "{\"type\":\"note\", \"n\":1.0}\na plain line\n\xff\n");
  EXPECT_EQ(shown.err, "");
}

TEST_F(RunOutputTest, JsonIsTheEnvelopeOfEveryEvent) {
  const auto page = SamplePage();
  const Shown shown = Show({.format = Format::kJson}, page);
  std::string expected;
  for (const auto& event : page.events) expected += event.envelope + "\n";
  EXPECT_EQ(shown.out, expected);
  EXPECT_EQ(shown.err, "");
}

TEST_F(RunOutputTest, QuietShowsNothing) {
  const Shown shown = Show({.format = Format::kNone}, SamplePage());
  EXPECT_EQ(shown.out + shown.err, "");
}

client::EventPage NetworkPage() {
  client::EventPage page = SamplePage();
  page.events.push_back(EventOf(
      6, Source::kVm0,
      R"({"type":"vm0","event":"network","message":"GET a.example:80/x: 200","method":"GET",)"
      R"("host":"a.example:80","path":"/x","status":200,"sent":1,"received":2,"ms":3})"));
  page.events.push_back(
      EventOf(7, Source::kVm0,
              R"({"type":"vm0","event":"network","message":"CONNECT b\u001b[2J:443: no",)"
              R"("method":"CONNECT","host":"b\u001b[2J:443","path":"","status":403,"sent":0,)"
              R"("received":0,"ms":0,"refusal":"no","times":9})"));
  return page;
}

TEST_F(RunOutputTest, OfTheNetworkOnlyRefusalsAreShown) {
  const Shown shown = Show({}, NetworkPage());
  EXPECT_EQ(shown.out.find("a.example"), std::string::npos);
  EXPECT_EQ(shown.err.find("a.example"), std::string::npos);
  EXPECT_THAT(shown.err, HasSubstr("CONNECT b\xe2\x90\x9b[2J:443: no\n"));
  EXPECT_THAT(Show({.verbose = true}, NetworkPage()).err, HasSubstr("GET a.example:80/x: 200\n"));
}

TEST_F(RunOutputTest, TheNetworkAloneIsAListOnStdout) {
  const Shown text = Show({}, NetworkPage(), Selection::kNetwork);
  EXPECT_EQ(
      text.out,
      "1970-01-01T00:00:00.000Z  200  GET      a.example:80/x  "
      "sent 1 B, received 2 B, 3 ms\n"
      "1970-01-01T00:00:00.000Z  403  CONNECT  b\xe2\x90\x9b[2J:443  refused: no (9 times)\n");
  EXPECT_EQ(text.err, "");
  EXPECT_EQ(shown_events_, 2);
  const Shown json = Show({.format = Format::kJson}, NetworkPage(), Selection::kNetwork);
  EXPECT_EQ(json.out,
            NetworkPage().events[5].envelope + "\n" + NetworkPage().events[6].envelope + "\n");
}

TEST_F(RunOutputTest, SystemSelectsStderrAndVm0ForStdout) {
  const Shown text = Show({}, SamplePage(), Selection::kSystem);
  EXPECT_THAT(text.out, HasSubstr("a warning\n"));
  EXPECT_THAT(text.out, HasSubstr("a line was cut\n"));
  EXPECT_EQ(text.err, "");
  EXPECT_EQ(shown_events_, 2);
  const Shown raw = Show({.format = Format::kRaw}, SamplePage(), Selection::kSystem);
  EXPECT_THAT(raw.out, HasSubstr("a warning\n"));
}

TEST_F(RunOutputTest, AnUnknownDialectIsShownPlainly) {
  auto page = SamplePage();
  page.dialect = "of-the-future";
  page.events.resize(1);
  EXPECT_THAT(Show({}, page).out, HasSubstr("[note]"));
}

TEST_F(RunOutputTest, AHugeEventIsWrittenWhole) {
  client::EventPage page;
  page.dialect = "plain";
  const std::string text(60'000, 'x');
  page.events = {EventOf(1, Source::kStdout, R"({"type":"stdout","text":")" + text + "\"}")};
  EXPECT_EQ(Show({}, page).out, text + "\n");
}

TEST(TextOfVm0Event, PrefersWordsForPeople) {
  EXPECT_EQ(TextOfVm0Event(R"({"type":"x","message":"words"})"), "words");
  EXPECT_EQ(TextOfVm0Event(R"({"type":"x"})"), R"({"type":"x"})");
  EXPECT_EQ(TextOfVm0Event("garbage"), "garbage");
}

}  // namespace
}  // namespace vm0::cli
