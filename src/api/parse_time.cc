// SPDX-License-Identifier: Apache-2.0
#include "api/parse_time.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"

namespace vm0::api {
namespace {

// Takes a text apart from its start; each step is false when the text goes on in another way.
class Scanner {
 public:
  explicit Scanner(std::string_view rest) : rest_(rest) {}

  bool at_end() const { return rest_.empty(); }
  bool Skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Number(std::size_t digits, int most, int& value) {
    if (CountDigits() < digits) return false;
    value = static_cast<int>(*ParseInt(rest_.substr(0, digits)));
    rest_.remove_prefix(digits);
    return value <= most;
  }
  // Digits after a decimal point, as microseconds.
  bool Fraction(Micros& value) {
    const std::size_t digits = CountDigits();
    if (digits == 0) return false;
    std::string six(rest_.substr(0, std::min<std::size_t>(digits, 6)));
    six.resize(6, '0');
    value = Micros(*ParseInt(six));
    rest_.remove_prefix(digits);
    return true;
  }

 private:
  std::size_t CountDigits() const {
    const auto end = std::ranges::find_if(rest_, [](char c) { return c < '0' || c > '9'; });
    return static_cast<std::size_t>(end - rest_.begin());
  }
  std::string_view rest_;
};

std::optional<WallTime> ParseUnix(std::string_view digits) {
  const auto number = ParseInt(digits);
  if (!number || digits.size() > 15) return std::nullopt;
  if (digits.size() >= 12) return WallTime(Millis(*number));
  return WallTime(Seconds(*number));
}

bool ScanDate(Scanner& scan, WallTime& time) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!scan.Number(4, 9999, year) || !scan.Skip('-') || !scan.Number(2, 12, month) ||
      !scan.Skip('-') || !scan.Number(2, 31, day))
    return false;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1970) return false;
  time = std::chrono::sys_days(date);
  return true;
}

bool ScanTimeOfDay(Scanner& scan, WallTime& time) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  Micros fraction{0};
  if (!scan.Number(2, 23, hour) || !scan.Skip(':') || !scan.Number(2, 59, minute)) return false;
  if (scan.Skip(':')) {
    if (!scan.Number(2, 59, second)) return false;
    if (scan.Skip('.') && !scan.Fraction(fraction)) return false;
  }
  time += std::chrono::hours(hour) + std::chrono::minutes(minute) + Seconds(second) + fraction;
  return true;
}

bool ScanZone(Scanner& scan, WallTime& time) {
  if (scan.at_end() || scan.Skip('Z')) return true;
  const bool east = scan.Skip('+');
  int hours = 0;
  int minutes = 0;
  if ((!east && !scan.Skip('-')) || !scan.Number(2, 23, hours) || !scan.Skip(':') ||
      !scan.Number(2, 59, minutes))
    return false;
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  time -= east ? offset : -offset;
  return true;
}

}  // namespace

std::optional<WallTime> ParseTime(std::string_view text) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos)
    return ParseUnix(text);
  Scanner scan(text);
  WallTime time;
  if (!ScanDate(scan, time)) return std::nullopt;
  if (scan.at_end()) return time;
  // A '+' of an offset that was not percent-encoded comes as a space from some clients; it is
  // refused rather than guessed.
  if (!scan.Skip('T') || !ScanTimeOfDay(scan, time) || !ScanZone(scan, time) || !scan.at_end())
    return std::nullopt;
  return time;
}

}  // namespace vm0::api
