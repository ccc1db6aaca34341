// SPDX-License-Identifier: Apache-2.0
#include "e2b/process_stream.h"

#include <gmock/gmock.h>

#include "base/text.h"

namespace vm0::e2b {
namespace {

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

}  // namespace
}  // namespace vm0::e2b
