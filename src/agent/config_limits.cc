// SPDX-License-Identifier: Apache-2.0
#include "agent/config_limits.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"

namespace vm0::agent {
namespace {

constexpr std::int64_t kMinBytes = 1 << 20;   // less is a forgotten unit
constexpr std::int64_t kMaxPids = 4'194'304;  // the kernel's own PID_MAX_LIMIT
constexpr std::int64_t kMaxFiles = 1'000'000'000;
constexpr std::int64_t kMinOpenFiles = 16;
constexpr std::int64_t kMaxOpenFiles = 1'048'576;  // the kernel's own default of fs.nr_open
constexpr double kMinCpu = 0.01;
constexpr double kMaxCpu = 4096;

struct Unit {
  std::string_view name;
  std::int64_t bytes;
};

constexpr std::array<Unit, 11> kUnits = {{{"", 1},
                                          {"b", 1},
                                          {"kb", 1000},
                                          {"mb", 1'000'000},
                                          {"gb", 1'000'000'000},
                                          {"tb", 1'000'000'000'000},
                                          {"kib", std::int64_t{1} << 10},
                                          {"mib", std::int64_t{1} << 20},
                                          {"gib", std::int64_t{1} << 30},
                                          {"tib", std::int64_t{1} << 40},
                                          {"bytes", 1}}};

std::unexpected<Error> Refuse(std::string_view field, std::string_view what) {
  return Fail(Code::kBadRequest, std::string(field) + " " + std::string(what));
}

// A scalar as text, so that YAML's 90 and "90" are the same.
Result<std::string> ScalarText(const json::value& value, std::string_view field) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_number()) return DisplayText(value);
  return Refuse(field, "must be a string or a number");
}

Result<std::int64_t> ParseSize(const json::value& value, std::string_view field) {
  VM0_ASSIGN(const std::string text, ScalarText(value, field));
  VM0_ASSIGN(const std::int64_t bytes, ParseBytes(text, field));
  if (bytes < kMinBytes) return Refuse(field, "must be at least 1MiB; give a unit, such as 4GiB");
  return bytes;
}

struct Range {
  std::int64_t least;
  std::int64_t most;
};

Result<std::int64_t> ParseCount(const json::value& value, std::string_view field, Range range) {
  VM0_ASSIGN(const std::string text, ScalarText(value, field));
  const auto count = ParseInt(text);
  if (!count || *count < range.least || *count > range.most)
    return Refuse(field, "must be a whole number from " + std::to_string(range.least) + " to " +
                             std::to_string(range.most));
  return *count;
}

Result<double> ParseCpu(const json::value& value, std::string_view field) {
  constexpr std::string_view kRule =
      "must be a number of processors from 0.01 to 4096, such as 2 or 0.5";
  double cpu = 0;
  if (value.is_number()) {
    cpu = value.to_number<double>();
  } else if (value.is_string()) {
    const auto parsed = ParseJson(value.get_string());
    if (parsed && parsed->is_number()) cpu = parsed->to_number<double>();
  }
  if (!(cpu >= kMinCpu) || cpu > kMaxCpu) return Refuse(field, kRule);
  return cpu;
}

Result<Seconds> ParseTimeout(const json::value& value, std::string_view field) {
  VM0_ASSIGN(const std::string text, ScalarText(value, field));
  const auto seconds = ParseDuration(text);
  if (!seconds) return Fail(Code::kBadRequest, std::string(field) + ": " + seconds.error().message);
  if (*seconds > kMaxTimeout) return Refuse(field, "must be from 1s to 7d");
  return *seconds;
}

template <class T>
Status Set(std::optional<T>& member, Result<T> value) {
  if (!value) return std::unexpected(std::move(value).error());
  member = *value;
  return {};
}

Status ParseLimit(std::string_view key, const json::value& value, Limits& limits) {
  const std::string field = "agent.limits." + std::string(key);
  if (value.is_null()) return {};
  if (key == "memory") return Set(limits.memory_bytes, ParseSize(value, field));
  if (key == "disk") return Set(limits.disk_bytes, ParseSize(value, field));
  if (key == "pids") return Set(limits.pids, ParseCount(value, field, {1, kMaxPids}));
  if (key == "files") return Set(limits.files, ParseCount(value, field, {1, kMaxFiles}));
  if (key == "cpu") return Set(limits.cpu, ParseCpu(value, field));
  if (key == "open_files")
    return Set(limits.open_files, ParseCount(value, field, {kMinOpenFiles, kMaxOpenFiles}));
  if (key == "timeout") return Set(limits.timeout, ParseTimeout(value, field));
  if (key == "idle_timeout") return Set(limits.idle_timeout, ParseTimeout(value, field));
  return Fail(Code::kBadRequest, "Unknown key " + field +
                                     ". Known keys: memory, pids, cpu, disk, files, open_files, "
                                     "timeout, idle_timeout");
}

}  // namespace

Result<Limits> ParseLimits(const json::object& limits) {
  Limits parsed;
  for (const auto& [key, value] : limits) VM0_TRY(ParseLimit(key, value, parsed));
  return parsed;
}

Result<std::int64_t> ParseBytes(std::string_view text, std::string_view field) {
  constexpr std::string_view kRule = "must be a size such as 4GiB, 512MiB, 10GB or 1024 (bytes)";
  const std::string_view trimmed = TrimAscii(text);
  const std::size_t digits = std::min(trimmed.find_first_not_of("0123456789"), trimmed.size());
  const auto number = ParseInt(trimmed.substr(0, digits));
  if (digits == 0 || !number) return Refuse(field, kRule);
  const std::string unit = ToLowerAscii(TrimAscii(trimmed.substr(digits)));
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    if (*number > std::numeric_limits<std::int64_t>::max() / known.bytes)
      return Refuse(field, "is too large");
    return *number * known.bytes;
  }
  return Refuse(field, kRule);
}

}  // namespace vm0::agent
