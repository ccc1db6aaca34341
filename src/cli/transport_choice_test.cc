// SPDX-License-Identifier: Apache-2.0
#include "cli/transport_choice.h"

#include <gtest/gtest.h>

namespace vm0::cli {
namespace {

using client::Transport;
using News = TransportChoice::News;

struct TransportChoiceTest : testing::Test {
  bool Fail(Code code = Code::kUnreachable) { return choice.Failed(code, now); }
  bool Succeed(News news = News::kNone) { return choice.Succeeded(news, now); }
  Transport current() const { return choice.current(); }

  MonoTime now{Seconds(100)};
  TransportChoice choice{std::nullopt, now};
};

TEST_F(TransportChoiceTest, BeginsWithServerSentEvents) {
  EXPECT_EQ(current(), Transport::kSse);
  EXPECT_FALSE(Succeed());
  EXPECT_FALSE(choice.TryBetter(now + Seconds(3600)));
}

TEST_F(TransportChoiceTest, SilenceIsReasonEnoughForAnother) {
  EXPECT_TRUE(Fail(Code::kDeadline));
  EXPECT_EQ(current(), Transport::kLongPoll);
  EXPECT_TRUE(Succeed()) << "it has proved itself";
  EXPECT_FALSE(Succeed()) << "which is said once";
}

TEST_F(TransportChoiceTest, ThreeFailuresWithoutAnEventAreToo) {
  EXPECT_FALSE(Fail());
  EXPECT_FALSE(Succeed()) << "a first word is no event";
  EXPECT_FALSE(Fail());
  EXPECT_TRUE(Fail());
  EXPECT_EQ(current(), Transport::kLongPoll);
}

TEST_F(TransportChoiceTest, AConnectionThatIsCutNowAndThenIsNot) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Fail());
    Succeed(News::kEvents);
  }
  for (int i = 0; i < 20; ++i) {
    now += Seconds(10);
    EXPECT_FALSE(Fail()) << "it has served for a while, though nothing happened";
  }
  EXPECT_EQ(current(), Transport::kSse);
}

TEST_F(TransportChoiceTest, WhenAllFailTheServerIsAway) {
  EXPECT_TRUE(Fail(Code::kDeadline));
  EXPECT_EQ(current(), Transport::kLongPoll);
  EXPECT_TRUE(Fail());
  EXPECT_EQ(current(), Transport::kPoll);
  EXPECT_FALSE(Fail());
  EXPECT_EQ(current(), Transport::kSse);
  EXPECT_FALSE(Succeed(News::kEvents)) << "nothing has changed";
  EXPECT_FALSE(Fail());
  EXPECT_EQ(current(), Transport::kSse);
}

TEST_F(TransportChoiceTest, AServerThatIsAwayForLongLeavesNothingBehind) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Fail());
    EXPECT_FALSE(Fail()) << "three failures are needed each time";
    EXPECT_TRUE(Fail());
    EXPECT_TRUE(Fail());
    EXPECT_FALSE(Fail()) << "all have failed";
    EXPECT_EQ(current(), Transport::kSse);
  }
  EXPECT_TRUE(Fail(Code::kDeadline));
  EXPECT_TRUE(Succeed());
  EXPECT_EQ(current(), Transport::kLongPoll);
  EXPECT_TRUE(choice.TryBetter(now + Seconds(60))) << "no later than after the first failure";
}

TEST_F(TransportChoiceTest, GoesOnToPollWhereLongPollFailsAtOnce) {
  Fail(Code::kDeadline);
  EXPECT_TRUE(Fail());
  EXPECT_TRUE(Succeed());
  EXPECT_EQ(current(), Transport::kPoll);
}

TEST_F(TransportChoiceTest, FallsFromLongPollToPoll) {
  Fail(Code::kDeadline);
  Succeed();
  EXPECT_TRUE(Fail(Code::kDeadline));
  EXPECT_EQ(current(), Transport::kPoll);
  EXPECT_TRUE(Succeed());
  EXPECT_FALSE(Fail(Code::kDeadline)) << "there is nothing below";
  EXPECT_EQ(current(), Transport::kPoll);
}

TEST_F(TransportChoiceTest, TriesServerSentEventsAgainLessAndLessOften) {
  Fail(Code::kDeadline);
  Succeed();
  EXPECT_FALSE(choice.TryBetter(now + Seconds(59)));
  now += Seconds(60);
  EXPECT_TRUE(choice.TryBetter(now));
  EXPECT_EQ(current(), Transport::kSse);
  EXPECT_FALSE(Fail(Code::kDeadline));
  EXPECT_EQ(current(), Transport::kLongPoll) << "as it was";
  EXPECT_FALSE(choice.TryBetter(now + Seconds(119)));
  now += Seconds(120);
  EXPECT_TRUE(choice.TryBetter(now));
  EXPECT_TRUE(Succeed());
  EXPECT_EQ(current(), Transport::kSse);
}

TEST(TransportChoice, OneThatIsForcedStays) {
  for (const auto only : {Transport::kSse, Transport::kWebSocket, Transport::kPoll}) {
    TransportChoice choice(only, MonoTime{});
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(choice.Failed(Code::kDeadline, MonoTime{}));
    EXPECT_FALSE(choice.TryBetter(MonoTime::max()));
    EXPECT_EQ(choice.current(), only);
  }
}

}  // namespace
}  // namespace vm0::cli
