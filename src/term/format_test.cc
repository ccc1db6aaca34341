// SPDX-License-Identifier: Apache-2.0
#include "term/format.h"

#include <gtest/gtest.h>

#include <limits>

namespace vm0::term {
namespace {

TEST(FormatFixed, RoundsATieUp) {
  EXPECT_EQ(FormatFixed(0.25, 1), "0.3");
  EXPECT_EQ(FormatFixed(0.75, 1), "0.8");
  EXPECT_EQ(FormatFixed(2.5, 0), "3");
  EXPECT_EQ(FormatFixed(0.5, 0), "1");
  EXPECT_EQ(FormatFixed(0.03125, 4), "0.0313");
  EXPECT_EQ(FormatFixed(123456.25, 1), "123456.3");
}

TEST(FormatFixed, RoundsAllElseByTheExactValue) {
  EXPECT_EQ(FormatFixed(0.35, 1), "0.3");  // 0.34999…
  EXPECT_EQ(FormatFixed(0.45, 1), "0.5");  // 0.45000…1
  EXPECT_EQ(FormatFixed(1.005, 2), "1.00");
  EXPECT_EQ(FormatFixed(45.2, 1), "45.2");
  EXPECT_EQ(FormatFixed(0.02614095, 4), "0.0261");
  EXPECT_EQ(FormatFixed(0.00005, 4), "0.0001");
  EXPECT_EQ(FormatFixed(9.96, 1), "10.0");
}

TEST(FormatFixed, TakesAnyNumber) {
  EXPECT_EQ(FormatFixed(0, 1), "0.0");
  EXPECT_EQ(FormatFixed(-0.0, 4), "0.0000");
  EXPECT_EQ(FormatFixed(-0.25, 1), "-0.3");
  EXPECT_EQ(FormatFixed(5e-324, 4), "0.0000");
  EXPECT_EQ(FormatFixed(1e20, 1), "100000000000000000000.0");
  EXPECT_EQ(FormatFixed(1e21, 1), "1e+21");
  EXPECT_EQ(FormatFixed(std::numeric_limits<double>::infinity(), 1), "Infinity");
}

TEST(FormatTokens, CutsToThousands) {
  EXPECT_EQ(FormatTokens(0), "0");
  EXPECT_EQ(FormatTokens(999), "999");
  EXPECT_EQ(FormatTokens(1000), "1k");
  EXPECT_EQ(FormatTokens(1999), "1k");
  EXPECT_EQ(FormatTokens(7000), "7k");
  EXPECT_EQ(FormatTokens(28543), "28k");
  EXPECT_EQ(FormatTokens(1234567), "1234k");
}

TEST(FormatElapsed, ChangesItsUnitAtASecond) {
  EXPECT_EQ(FormatElapsed(Micros(0)), "[+0ms]");
  EXPECT_EQ(FormatElapsed(Micros(999)), "[+0ms]");
  EXPECT_EQ(FormatElapsed(Millis(500)), "[+500ms]");
  EXPECT_EQ(FormatElapsed(Micros(999'999)), "[+999ms]");
  EXPECT_EQ(FormatElapsed(Millis(1000)), "[+1.0s]");
  EXPECT_EQ(FormatElapsed(Millis(2250)), "[+2.3s]");
  EXPECT_EQ(FormatElapsed(Seconds(3600)), "[+3600.0s]");
  EXPECT_EQ(FormatElapsed(Micros(-5)), "[+0ms]");
}

TEST(Truncate, CutsOnlyWhatIsLonger) {
  EXPECT_EQ(Truncate(std::string(100, 'x'), 100), std::string(100, 'x'));
  EXPECT_EQ(Truncate(std::string(101, 'x'), 100), std::string(100, 'x') + "...");
  EXPECT_EQ(Truncate("", 100), "");
}

TEST(Truncate, CountsUtf16UnitsAndCutsAtACodePoint) {
  EXPECT_EQ(Truncate("éééé", 4), "éééé");
  EXPECT_EQ(Truncate("ééééé", 4), "éééé...");
  EXPECT_EQ(Truncate("→→→", 2), "→→...");
  EXPECT_EQ(Truncate("🙂🙂", 4), "🙂🙂");
  EXPECT_EQ(Truncate("🙂🙂x", 4), "🙂🙂...");
  EXPECT_EQ(Truncate("a🙂🙂", 4), "a🙂...");  // the limit is inside of the second one
  EXPECT_EQ(Truncate("🙂", 1), "...");
}

TEST(Truncate, LooksAtNoMoreThanItNeeds) {
  const std::string huge(32 << 20, 'x');
  for (int i = 0; i < 10000; ++i) ASSERT_EQ(Truncate(huge, 200).size(), 203u);
}

}  // namespace
}  // namespace vm0::term
