// SPDX-License-Identifier: Apache-2.0
#include "e2b/process_stream.h"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/text.h"

namespace vm0::e2b {
namespace {

using testing::HasSubstr;

std::optional<ProcessEvent> Parse(std::string_view event) {
  return ParseProcessEvent(R"({"event":)" + std::string(event) + "}").value();
}

TEST(ProcessEvent, TellsOfStartOutputAndEnd) {
  EXPECT_EQ(std::get<Started>(*Parse(R"({"start":{"pid":42}})")).pid, 42);
  const auto out = std::get<Output>(*Parse(R"({"data":{"stdout":"aGk="}})"));
  EXPECT_EQ(out.pipe, Output::Pipe::kStdout);
  EXPECT_EQ(out.bytes, "hi");
  const auto err = std::get<Output>(*Parse(R"({"data":{"stderr":"aGk="}})"));
  EXPECT_EQ(err.pipe, Output::Pipe::kStderr);
  const auto end = std::get<Ended>(*Parse(R"({"end":{"exitCode":3,"status":"exit status 3"}})"));
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_EQ(end.status, "exit status 3");
}

TEST(ProcessEvent, LeavesOutWhatIsZero) {
  EXPECT_EQ(std::get<Ended>(*Parse(R"({"end":{"exited":true}})")).exit_code, 0);
  EXPECT_EQ(std::get<Started>(*Parse(R"({"start":{}})")).pid, 0);
  EXPECT_EQ(std::get<Output>(*Parse(R"({"data":{}})")).bytes, "");
}

TEST(ProcessEvent, OfAnUnknownKindIsASignOfLife) {
  EXPECT_EQ(Parse(R"({"keepalive":{}})"), std::nullopt);
  EXPECT_EQ(Parse(R"({"resized":{}})"), std::nullopt);
}

TEST(ProcessEvent, ThatIsNoneIsSaidToMakeNoSense) {
  for (const char* text :
       {"", "[]", "{}", R"({"event":7})", "\xff", R"({"event":{"data":{"stdout":"!"}}})"}) {
    const auto parsed = ParseProcessEvent(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kUnreachable) << text;
  }
}

// Zero would mean that all is well.
TEST(ProcessEvent, AnExitCodeThatIsNoneIsNotZero) {
  for (const char* code : {"\"x\"", "4294967296", "1.5", "{}"}) {
    const auto event =
        ParseProcessEvent(R"({"event":{"end":{"exitCode":)" + std::string(code) + "}}}");
    ASSERT_FALSE(event) << code;
    EXPECT_EQ(event.error().code, Code::kUnreachable);
  }
}

TEST(ConnectError, IsFoundInLastMessagesAndInRefusedCalls) {
  const auto last =
      FindConnectError(R"({"error":{"code":"not_found","message":"no such process"}})");
  EXPECT_EQ(last, (Error{Code::kNotFound, "no such process"}));
  EXPECT_EQ(FindConnectError(R"({"code":"invalid_argument","message":"x"})")->code,
            Code::kBadRequest);
  EXPECT_EQ(FindConnectError(R"({"code":"internal"})"), (Error{Code::kUnavailable, "internal"}));
  EXPECT_EQ(FindConnectError("{}"), std::nullopt);
  EXPECT_EQ(FindConnectError(R"({"code":502,"message":"The sandbox was not found"})"),
            std::nullopt);
  EXPECT_EQ(FindConnectError("<html>"), std::nullopt);
}

// A body that comes as the test says.
class Body final : public http::ResponseStream {
 public:
  explicit Body(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  const http::Response& head() const override { return head_; }
  asio::awaitable<Result<std::string>> Read() override {
    if (next_ == pieces_.size()) co_return std::string();
    co_return pieces_[next_++];
  }
  void Close() override {}

 private:
  http::Response head_;
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

asio::awaitable<void> ReadAll(ProcessStream& stream, std::vector<std::string>& out) {
  for (;;) {
    const auto event = co_await stream.Next();
    if (!event) {
      out.push_back("error " + std::string(InfoOf(event.error().code).name) + " " +
                    event.error().message);
      co_return;
    }
    if (const auto* start = std::get_if<Started>(&*event))
      out.push_back("pid " + std::to_string(start->pid));
    if (const auto* output = std::get_if<Output>(&*event)) out.push_back(output->bytes);
    if (const auto* end = std::get_if<Ended>(&*event))
      out.push_back("exit " + std::to_string(end->exit_code));
  }
}

std::vector<std::string> EventsOf(std::vector<std::string> pieces) {
  asio::io_context loop;
  os::FakeClock clock;
  ProcessStream stream(clock, std::make_unique<Body>(std::move(pieces)));
  std::vector<std::string> out;
  asio::co_spawn(loop, ReadAll(stream, out), asio::detached);
  loop.run();
  return out;
}

const std::string kStart = FormatEnvelope({0, R"({"event":{"start":{"pid":7}}})"});
const std::string kPing = FormatEnvelope({0, R"({"event":{"keepalive":{}}})"});
const std::string kOutput = FormatEnvelope({0, R"({"event":{"data":{"stdout":"YQ=="}}})"});
const std::string kEnd = FormatEnvelope({0, R"({"event":{"end":{"exitCode":3}}})"});

TEST(ProcessStream, GivesWhatHappensInOrder) {
  const std::string whole = kStart + kPing + kOutput + kEnd + FormatEnvelope({2, "{}"});
  const auto all = EventsOf({whole});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0], "pid 7");
  EXPECT_EQ(all[1], "a");
  EXPECT_EQ(all[2], "exit 3");
  EXPECT_EQ(EventsOf({whole.substr(0, 9), whole.substr(9)}), all);
}

TEST(ProcessStream, ThatBreaksOffIsNoEnd) {
  EXPECT_THAT(EventsOf({kStart, kEnd.substr(0, 8)}).back(), HasSubstr("broke off"));
  EXPECT_THAT(EventsOf({kStart, FormatEnvelope({2, "{}"})}).back(),
              HasSubstr("without the end of the process"));
  EXPECT_THAT(EventsOf({kStart, FormatEnvelope({2, "garbage"})}).back(),
              HasSubstr("without the end of the process"));
}

TEST(ProcessStream, TellsWhyThereIsNoProcess) {
  const auto all =
      EventsOf({FormatEnvelope({2, R"({"error":{"code":"not_found","message":"no process"}})"})});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0], "error " + std::string(InfoOf(Code::kNotFound).name) + " no process");
}

}  // namespace
}  // namespace vm0::e2b
