// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

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

// At least so many digits. Every event of a page and of a stream has a time: printf is too slow.
void AppendDigits(std::string& out, std::int64_t number, std::size_t digits) {
  std::array<char, 20> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  const auto size = static_cast<std::size_t>(end - buffer.data());
  if (size < digits) out.append(digits - size, '0');
  out.append(buffer.data(), size);
}

// ECMAScript's expanded years: a sign and six digits outside of 0 to 9999.
void AppendYear(std::string& out, std::int64_t year) {
  const bool is_expanded = year < 0 || year > 9999;
  if (is_expanded) out += year < 0 ? '-' : '+';
  AppendDigits(out, year < 0 ? -year : year, is_expanded ? 6 : 4);
}

// Without the fraction and the Z. In whole seconds from the start: the first day of 64-bit
// microseconds begins before them.
std::string FormatToSeconds(WallTime time) {
  const std::int64_t seconds = std::chrono::floor<Seconds>(time).time_since_epoch().count();
  const auto days = std::chrono::floor<std::chrono::days>(Seconds(seconds)).count();
  const std::int64_t in_day = seconds - days * std::int64_t{86400};
  const CivilDate date = CivilOf(days);
  std::string text;
  text.reserve(sizeof "+292277-01-01T00:00:00.000Z");
  AppendYear(text, date.year);
  const std::pair<char, std::int64_t> rest[] = {{'-', date.month},
                                                {'-', date.day},
                                                {'T', in_day / 3600},
                                                {':', in_day / 60 % 60},
                                                {':', in_day % 60}};
  for (const auto& [before, number] : rest) {
    text += before;
    AppendDigits(text, number, 2);
  }
  return text;
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
  std::string text = FormatToSeconds(time);
  text += '.';
  AppendDigits(text, (millis % 1000 + 1000) % 1000, 3);
  return text += 'Z';
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
