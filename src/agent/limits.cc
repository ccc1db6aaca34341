// SPDX-License-Identifier: Apache-2.0
#include "agent/limits.h"

#include <array>
#include <cstdio>

namespace vm0::agent {
namespace {

// One limit that needs a sandbox.
struct Held {
  const char* key;
  bool named;
  bool can;
  bool has_default;
};

std::array<Held, 6> Table(const Limits& named, const Enforceable& can) {
  return {{{"memory", named.memory_bytes.has_value(), can.memory, true},
           {"pids", named.pids.has_value(), can.pids, true},
           {"cpu", named.cpu.has_value(), can.cpu, false},
           {"disk", named.disk_bytes.has_value(), can.disk, true},
           {"files", named.files.has_value(), can.disk, true},
           {"open_files", named.open_files.has_value(), can.open_files, true}}};
}

void Default(std::optional<std::int64_t>& limit, std::int64_t value, bool can) {
  if (!limit && can) limit = value;
}

}  // namespace

Status CheckNamed(const Limits& named, const Enforceable& can, const std::string& sandbox) {
  for (const Held& limit : Table(named, can)) {
    if (!limit.named || limit.can) continue;
    return Fail(Code::kSandboxUnavailable, "limits." + std::string(limit.key) +
                                               " can't be enforced with sandbox " + sandbox +
                                               " on this machine: remove it from the config");
  }
  return {};
}

Limits HeldLimits(const Limits& named, const Enforceable& can) {
  Limits held = named;
  Default(held.memory_bytes, kDefaultMemoryBytes, can.memory);
  Default(held.pids, kDefaultPids, can.pids);
  Default(held.disk_bytes, kDefaultDiskBytes, can.disk);
  Default(held.files, kDefaultFiles, can.disk);
  Default(held.open_files, kDefaultOpenFiles, can.open_files);
  held.timeout = named.timeout.value_or(kDefaultTimeout);
  held.idle_timeout = named.idle_timeout.value_or(kDefaultIdleTimeout);
  return held;
}

std::vector<std::string> UnheldDefaults(const Limits& named, const Enforceable& can) {
  std::vector<std::string> keys;
  for (const Held& limit : Table(named, can)) {
    if (limit.has_default && !limit.named && !limit.can) keys.emplace_back(limit.key);
  }
  return keys;
}

std::vector<std::string> NamesOf(const Limits& named) {
  std::vector<std::string> keys;
  for (const Held& limit : Table(named, {})) {
    if (limit.named) keys.emplace_back(limit.key);
  }
  if (named.timeout) keys.emplace_back("timeout");
  if (named.idle_timeout) keys.emplace_back("idle_timeout");
  return keys;
}

std::string FormatBytes(std::int64_t bytes) {
  constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 and more would be shown as 1024.0.
  for (; size >= 1023.95 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%.1f %s", size, kUnits[unit]);
  return text.data();
}

std::string FormatLimit(std::int64_t bytes) {
  std::string text = FormatBytes(bytes);
  constexpr int kTiB = 40;
  for (int shift = kTiB; shift >= 10; shift -= 10) {
    const std::int64_t unit = std::int64_t{1} << shift;
    if (bytes < unit) continue;
    if (bytes % unit == 0) text.erase(text.find(".0"), 2);
    break;
  }
  return text;
}

}  // namespace vm0::agent
