// SPDX-License-Identifier: Apache-2.0
#include "term/format.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "base/json.h"

namespace vm0::term {
namespace {

// Beyond it JavaScript has no decimals either.
constexpr double kLargestFixed = 1e21;

std::string Print(double value, int decimals) {
  std::array<char, 64> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

// True if `value` (not negative) lies exactly between two numbers with `scale` parts per unit.
bool IsTie(double value, double scale) {
  const double doubled = value * scale * 2;
  return std::fma(value, scale * 2, -doubled) == 0 && std::fmod(doubled, 2) == 1;
}

std::size_t Utf16Units(unsigned char lead) { return lead >= 0xF0 ? 2 : 1; }

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string FormatFixed(double value, int decimals) {
  if (!std::isfinite(value) || std::abs(value) >= kLargestFixed) return JsNumber(value);
  if (value < 0) return "-" + FormatFixed(-value, decimals);
  if (value == 0) return Print(0, decimals);  // -0 too
  const double scale = std::pow(10.0, decimals);
  if (!IsTie(value, scale)) return Print(value, decimals);
  // A tie has few digits, so the sum is exact enough to be printed as the upper neighbour.
  return Print((std::floor(value * scale) + 1) / scale, decimals);
}

std::string FormatTokens(double count) {
  if (count < 1000) return JsNumber(count);
  return JsNumber(std::floor(count / 1000)) + "k";
}

std::string FormatElapsed(Micros elapsed) {
  const auto millis =
      std::max<std::int64_t>(0, std::chrono::duration_cast<Millis>(elapsed).count());
  if (millis < 1000) return "[+" + std::to_string(millis) + "ms]";
  return "[+" + FormatFixed(static_cast<double>(millis) / 1000, 1) + "s]";
}

std::string Truncate(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);  // a unit has at least one byte
  std::size_t units = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsContinuation(text[i])) continue;
    units += Utf16Units(static_cast<unsigned char>(text[i]));
    if (units > limit) return std::string(text.substr(0, i)) + "...";
  }
  return std::string(text);
}

}  // namespace vm0::term
