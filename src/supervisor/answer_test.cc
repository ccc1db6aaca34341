// SPDX-License-Identifier: Apache-2.0
#include "supervisor/answer.h"

#include <gtest/gtest.h>

namespace vm0::supervisor {
namespace {

class AnswerTest : public ::testing::Test {
 protected:
  Reaction To(Code code, std::optional<std::int64_t> number = std::nullopt) {
    return rules_.React({code, "", number});
  }
  os::FakeClock clock_;
  AnswerRules rules_{clock_};
};

TEST_F(AnswerTest, FollowsTheTableOfTheProtocol) {
  EXPECT_EQ(To(Code::kSequenceGap, 3), Reaction::kResend);
  EXPECT_EQ(To(Code::kSequenceGap), Reaction::kRefused) << "from where?";
  EXPECT_EQ(To(Code::kEventMismatch), Reaction::kRefused);
  EXPECT_EQ(To(Code::kConflict), Reaction::kConflict);
  EXPECT_EQ(To(Code::kNotFound), Reaction::kGiveUp);
  EXPECT_EQ(To(Code::kRunEnded), Reaction::kGiveUp);
  EXPECT_EQ(To(Code::kSuperseded), Reaction::kGiveUp);
  EXPECT_EQ(To(Code::kPayloadTooLarge), Reaction::kHalve);
  EXPECT_EQ(To(Code::kBadRequest), Reaction::kRetryLater);
  EXPECT_EQ(To(Code::kTooManyRequests), Reaction::kRetryLater);
  EXPECT_EQ(To(Code::kInternal), Reaction::kRetry);
  EXPECT_EQ(To(Code::kUnavailable), Reaction::kRetry);
  EXPECT_EQ(To(Code::kUnreachable), Reaction::kRetry);
  EXPECT_EQ(To(Code::kDeadline), Reaction::kRetry);
}

TEST_F(AnswerTest, GivesUpAfterTenMinutesWithoutPermission) {
  EXPECT_EQ(To(Code::kUnauthorized), Reaction::kRetry);
  clock_.Advance(Seconds(599));
  EXPECT_EQ(To(Code::kForbidden), Reaction::kRetry);
  EXPECT_EQ(To(Code::kUnreachable), Reaction::kRetry) << "a server that is away permits nothing";
  clock_.Advance(Seconds(1));
  EXPECT_EQ(To(Code::kUnauthorized), Reaction::kGiveUp);
}

TEST_F(AnswerTest, GivesUpAtOnceWhereNobodyWillHaveATokenOrAServerEverAgain) {
  bool has_hope = true;
  AnswerRules rules(clock_, {.renew_token = [&] { return has_hope; },
                             .server_may_return = [&] { return has_hope; }});
  for (const Code code : {Code::kUnauthorized, Code::kUnreachable}) {
    has_hope = true;
    EXPECT_EQ(rules.React({code, ""}), Reaction::kRetry);
    has_hope = false;
    EXPECT_EQ(rules.React({code, ""}), Reaction::kGiveUp);
  }
  EXPECT_EQ(rules.React({Code::kUnavailable, ""}), Reaction::kRetry) << "somebody answered";
}

TEST_F(AnswerTest, CountsTheTenMinutesAnewAfterAnAnswer) {
  EXPECT_EQ(To(Code::kUnauthorized), Reaction::kRetry);
  clock_.Advance(Seconds(500));
  rules_.Accepted();
  clock_.Advance(Seconds(500));
  EXPECT_EQ(To(Code::kUnauthorized), Reaction::kRetry);
}

}  // namespace
}  // namespace vm0::supervisor
