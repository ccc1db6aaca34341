// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace vm0 {
namespace {

WallTime At(std::int64_t micros) { return WallTime(Micros(micros)); }

std::int64_t SecondsOf(std::string_view text) {
  const auto duration = ParseDuration(text);
  return duration ? duration->count() : -1;
}

TEST(FormatIso, WritesMillisecondsAndCutsTheRest) {
  EXPECT_EQ(FormatIso(At(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatIso(At(1763625600000000)), "2025-11-20T08:00:00.000Z");
  EXPECT_EQ(FormatIso(At(1763625600001999)), "2025-11-20T08:00:00.001Z");
  EXPECT_EQ(FormatIso(At(1763625600999999)), "2025-11-20T08:00:00.999Z");
}

TEST(FormatIso, KnowsLeapYearsAndTheirEnds) {
  EXPECT_EQ(FormatIso(At(951782400000000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(FormatIso(At(1709251199999000)), "2024-02-29T23:59:59.999Z");
  EXPECT_EQ(FormatIso(At(1709251200000000)), "2024-03-01T00:00:00.000Z");
  EXPECT_EQ(FormatIso(At(4107542400000000)), "2100-03-01T00:00:00.000Z");
}

TEST(FormatIso, AgreesWithTheStandardCalendarOnEveryDay) {
  for (int day = -800'000; day <= 2'900'000; day += 97) {
    const std::chrono::sys_days date{std::chrono::days(day)};
    const std::chrono::year_month_day civil(date);
    if (static_cast<int>(civil.year()) < 0 || static_cast<int>(civil.year()) > 9999) continue;
    char expected[64];
    std::snprintf(expected, sizeof expected, "%04d-%02u-%02uT00:00:00Z",
                  static_cast<int>(civil.year()), static_cast<unsigned>(civil.month()),
                  static_cast<unsigned>(civil.day()));
    ASSERT_EQ(FormatIsoSeconds(WallTime(date)), expected);
  }
}

TEST(FormatIso, TimesBefore1970RoundDown) {
  EXPECT_EQ(FormatIso(At(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatIsoSeconds(At(-1)), "1969-12-31T23:59:59Z");
}

TEST(FormatIso, WritesEveryTimeThatFitsIn64Bits) {
  EXPECT_EQ(FormatIso(At(253402300799999999)), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatIso(At(253402300800000000)), "+010000-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatIso(At(std::numeric_limits<std::int64_t>::max())), "+294247-01-10T04:00:54.775Z");
  EXPECT_EQ(FormatIso(At(std::numeric_limits<std::int64_t>::min())), "-290308-12-21T19:59:05.224Z");
}

TEST(FormatIsoSeconds, LeavesTheFractionOut) {
  EXPECT_EQ(FormatIsoSeconds(At(1763625600999999)), "2025-11-20T08:00:00Z");
}

TEST(ParseDuration, TakesEveryForm) {
  EXPECT_EQ(SecondsOf("90"), 90);
  EXPECT_EQ(SecondsOf("90s"), 90);
  EXPECT_EQ(SecondsOf("30m"), 1800);
  EXPECT_EQ(SecondsOf("2h"), 7200);
  EXPECT_EQ(SecondsOf("1d"), 86400);
  EXPECT_EQ(SecondsOf("1h30m"), 5400);
  EXPECT_EQ(SecondsOf("1d2h3m4s"), 93784);
  EXPECT_EQ(SecondsOf("0h1s"), 1);
  EXPECT_EQ(SecondsOf("3650d"), kMaxDuration.count());
}

TEST(ParseDuration, RefusesAllElse) {
  for (const std::string_view text :
       {"",     "0",    "0s",   "-1", "-1s", "+1", "s",   "m",   "1x",   "1.5h",  "1h30",
        "30 m", " 30m", "30m ", "1H", "1e3", "h1", "1hh", "1ms", "0x10", "1h-5m", "90\n"}) {
    EXPECT_EQ(SecondsOf(text), -1) << text;
  }
  EXPECT_EQ(SecondsOf(std::string_view("1s\0", 3)), -1);
}

TEST(ParseDuration, RefusesWhatIsTooLongWithoutOverflow) {
  for (const std::string_view text :
       {"3651d", "3650d1s", "315360001", "9223372036854775807", "9223372036854775808d",
        "106751991167300d", "3650d3650d3650d"}) {
    EXPECT_EQ(SecondsOf(text), -1) << text;
  }
  EXPECT_EQ(SecondsOf(std::string(100'000, '9')), -1);
}

TEST(ParseDuration, ErrorShowsTheTextAndTheForms) {
  const auto duration = ParseDuration("soon");
  ASSERT_FALSE(duration.has_value());
  EXPECT_EQ(duration.error().code, Code::kBadRequest);
  for (const std::string_view part : {"\"soon\"", "90", "90s", "30m", "2h", "1d", "1h30m"}) {
    EXPECT_NE(duration.error().message.find(part), std::string::npos) << part;
  }
  EXPECT_LT(ParseDuration(std::string(1'000'000, 'x')).error().message.size(), 300U);
}

TEST(FormatDuration, ShowsTheTwoLargestUnits) {
  EXPECT_EQ(FormatDuration(Seconds(0)), "0s");
  EXPECT_EQ(FormatDuration(Seconds(45)), "45s");
  EXPECT_EQ(FormatDuration(Seconds(60)), "1m");
  EXPECT_EQ(FormatDuration(Seconds(90)), "1m 30s");
  EXPECT_EQ(FormatDuration(Seconds(1800)), "30m");
  EXPECT_EQ(FormatDuration(Seconds(3599)), "59m 59s");
  EXPECT_EQ(FormatDuration(Seconds(3605)), "1h");
  EXPECT_EQ(FormatDuration(Seconds(5400)), "1h 30m");
  EXPECT_EQ(FormatDuration(Seconds(183600)), "2d 3h");
  EXPECT_EQ(FormatDuration(Seconds(86400 + 59 * 60)), "1d");
}

TEST(FormatDuration, TakesEverySecondCount) {
  EXPECT_EQ(FormatDuration(Seconds(-90)), "-1m 30s");
  EXPECT_EQ(FormatDuration(Seconds(std::numeric_limits<std::int64_t>::min())),
            "-106751991167300d 15h");
}

}  // namespace
}  // namespace vm0
