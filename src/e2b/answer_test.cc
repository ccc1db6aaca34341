// SPDX-License-Identifier: Apache-2.0
#include "e2b/answer.h"

#include <gmock/gmock.h>

namespace vm0::e2b {
namespace {

http::Response Answer(int status, std::string body, const std::string& retry_after = "") {
  http::Response response{.status = status, .headers = {}, .body = std::move(body)};
  if (!retry_after.empty()) response.headers.Set("Retry-After", retry_after);
  return response;
}

TEST(Refusal, SaysWhatE2bSays) {
  EXPECT_EQ(RefusalOf(Answer(404, R"({"code":404,"message":"template 'x' not found"})")),
            (Error{Code::kNotFound, "template 'x' not found"}));
  EXPECT_EQ(RefusalOf(Answer(401, R"({"message":"Invalid API key"})")).code, Code::kUnauthorized);
  EXPECT_EQ(RefusalOf(Answer(502, "<html>\xff")), (Error{Code::kUnavailable, "status 502"}));
  EXPECT_EQ(
      RefusalOf(Answer(400, R"({"message":")" + std::string(9000, 'x') + "\"}")).message.size(),
      500U);
}

TEST(Refusal, NamesTheSecondsToWait) {
  EXPECT_EQ(RefusalOf(Answer(429, "{}", "7")).number, 7);
  EXPECT_EQ(RefusalOf(Answer(503, "{}", " 0 ")).number, 0);
  EXPECT_EQ(RefusalOf(Answer(429, "{}", "999999999")).number, 3600);
  EXPECT_EQ(RefusalOf(Answer(429, "{}", "-1")).number, std::nullopt);
  EXPECT_EQ(RefusalOf(Answer(429, "{}", "Wed, 21 Oct 2015 07:28:00 GMT")).number, std::nullopt);
}

TEST(Refusal, PassesWhereTheSameQuestionMayBeAnsweredLater) {
  for (const Code code :
       {Code::kTooManyRequests, Code::kUnavailable, Code::kUnreachable, Code::kDeadline})
    EXPECT_TRUE(IsPassing({code, ""}));
  for (const Code code :
       {Code::kUnauthorized, Code::kNotFound, Code::kBadRequest, Code::kIo, Code::kPayloadTooLarge})
    EXPECT_FALSE(IsPassing({code, ""}));
}

}  // namespace
}  // namespace vm0::e2b
