// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace vm0 {
namespace {

struct CivilDate {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

// std::chrono::year ends at 32767, but a record may carry any 64-bit time. The algorithm is "days
// to civil" on the proleptic Gregorian calendar, in eras of 400 years that begin on March 1st.
CivilDate CivilOf(std::int64_t days_since_1970) {
  constexpr std::int64_t kDaysToEra0 = 719468;
  constexpr std::int64_t kDaysOfEra = 146097;
  const std::int64_t shifted = days_since_1970 + kDaysToEra0;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - kDaysOfEra + 1) / kDaysOfEra;
  const auto day_of_era = static_cast<unsigned>(shifted - era * kDaysOfEra);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

// Without the fraction and the Z. In whole seconds from the start: the first day of 64-bit
// microseconds begins before them.
std::string FormatToSeconds(WallTime time) {
  const std::int64_t seconds = std::chrono::floor<Seconds>(time).time_since_epoch().count();
  const auto days = std::chrono::floor<std::chrono::days>(Seconds(seconds)).count();
  const std::int64_t in_day = seconds - days * std::int64_t{86400};
  const CivilDate date = CivilOf(days);
  // ECMAScript's expanded years: a sign and six digits outside of 0 to 9999.
  const char* year_format = date.year < 0 ? "-%06lld" : date.year > 9999 ? "+%06lld" : "%04lld";
  std::array<char, 32> year{};
  std::snprintf(year.data(), year.size(), year_format,
                static_cast<long long>(date.year < 0 ? -date.year : date.year));
  std::array<char, 64> rest{};
  std::snprintf(rest.data(), rest.size(), "-%02u-%02uT%02d:%02d:%02d", date.month, date.day,
                static_cast<int>(in_day / 3600), static_cast<int>(in_day / 60 % 60),
                static_cast<int>(in_day % 60));
  return std::string(year.data()) + rest.data();
}

std::unexpected<Error> BadDuration(std::string_view text) {
  return Fail(Code::kBadRequest, "\"" + std::string(text.substr(0, 40)) +
                                     "\" is not a duration: write 90 (seconds), 90s, 30m, 2h, 1d "
                                     "or a sum such as 1h30m, from 1s to 3650d");
}

std::int64_t SecondsOfUnit(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

}  // namespace

std::string FormatIso(WallTime time) {
  const auto millis = std::chrono::floor<Millis>(time).time_since_epoch().count();
  const auto in_second = static_cast<int>((millis % 1000 + 1000) % 1000);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", in_second);
  return FormatToSeconds(time) + fraction.data();
}

std::string FormatIsoSeconds(WallTime time) { return FormatToSeconds(time) + "Z"; }

Result<Seconds> ParseDuration(std::string_view text) {
  std::int64_t total = 0;
  std::size_t position = 0;
  while (position < text.size()) {
    const std::size_t number_start = position;
    std::int64_t number = 0;
    for (; position < text.size() && text[position] >= '0' && text[position] <= '9'; ++position) {
      number = number * 10 + (text[position] - '0');
      if (number > kMaxDuration.count()) return BadDuration(text);
    }
    if (position == number_start) return BadDuration(text);
    // A number without unit means seconds only when it is all there is: "1h30" could mean minutes.
    const bool is_bare = number_start == 0 && position == text.size();
    const std::int64_t unit = is_bare                  ? 1
                              : position < text.size() ? SecondsOfUnit(text[position++])
                                                       : 0;
    if (unit == 0) return BadDuration(text);
    total += number * unit;
    if (total > kMaxDuration.count()) return BadDuration(text);
  }
  if (total < 1) return BadDuration(text);
  return Seconds(total);
}

std::string FormatDuration(Seconds duration) {
  struct Unit {
    std::uint64_t seconds;
    char name;
  };
  static constexpr std::array<Unit, 4> kUnits{{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  const bool negative = duration.count() < 0;
  // Negated as unsigned, which has room for the smallest value too.
  auto rest = static_cast<std::uint64_t>(duration.count());
  if (negative) rest = 0 - rest;
  std::size_t first = 0;
  while (first + 1 < kUnits.size() && rest < kUnits[first].seconds) ++first;
  const Unit& major = kUnits[first];
  std::string text = negative ? "-" : "";
  text += std::to_string(rest / major.seconds) + major.name;
  if (first + 1 == kUnits.size()) return text;
  const Unit& minor = kUnits[first + 1];
  const std::uint64_t count = rest % major.seconds / minor.seconds;
  if (count > 0) text += " " + std::to_string(count) + minor.name;
  return text;
}

}  // namespace vm0
