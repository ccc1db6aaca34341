// SPDX-License-Identifier: Apache-2.0
#include "cli/token_sweep.h"

#include <gtest/gtest.h>

#include <set>

#include "store/test_store.h"

namespace vm0::cli {
namespace {

class TokenSweepTest : public testing::Test {
 protected:
  void Put(const std::string& name, std::optional<Micros> expires_in) {
    store::Token token;
    token.name = token.hash = name;
    token.id = TokenId::New(clock_.WallNow());
    token.user_id = "u";
    if (expires_in) token.expires_at = clock_.WallNow() + *expires_in;
    ASSERT_TRUE(store_.Write([token](store::Stores& s) { return s.runs.InsertToken(token); }));
  }
  // The names of those that are left, once all that was submitted is committed.
  std::set<std::string> Left() {
    EXPECT_TRUE(store_.Write([](store::Stores&) -> Result<bool> { return true; }));
    const auto tokens = store_.reader().runs.ListTokens("").value();
    std::set<std::string> names;
    for (const auto& token : tokens) names.insert(token.name);
    return names;
  }

  store::TestStore store_;
  os::FakeClock clock_;
};

TEST_F(TokenSweepTest, RemovesWhatHasExpiredAtTheStartAndEachHour) {
  Put("gone", -Seconds(1));
  Put("hour", Seconds(1800));
  Put("day", Seconds(86'400));
  Put("ever", std::nullopt);
  const TokenSweep sweep(clock_, *store_.database);
  EXPECT_EQ(Left(), (std::set<std::string>{"hour", "day", "ever"}));
  clock_.Advance(Seconds(3599));
  EXPECT_EQ(Left().size(), 3u);
  clock_.Advance(Seconds(1));
  EXPECT_EQ(Left(), (std::set<std::string>{"day", "ever"}));
  for (int hour = 0; hour < 24; ++hour) clock_.Advance(Seconds(3600));
  EXPECT_EQ(Left(), std::set<std::string>{"ever"});
}

TEST_F(TokenSweepTest, LeavesNoTimerBehind) {
  { const TokenSweep sweep(clock_, *store_.database); }
  EXPECT_EQ(clock_.pending(), 0u);
}

}  // namespace
}  // namespace vm0::cli
