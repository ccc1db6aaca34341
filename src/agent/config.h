// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace vm0::agent {

// The longest that a run may take.
inline constexpr Seconds kMaxTimeout = std::chrono::days(7);

// The limits of a run that names none; the timeouts always hold, the others where the sandbox can
// hold them (limits.h). `cpu` has no default.
inline constexpr Seconds kDefaultTimeout{3600};
inline constexpr Seconds kDefaultIdleTimeout{1800};
inline constexpr std::int64_t kDefaultMemoryBytes = 4LL << 30;
inline constexpr std::int64_t kDefaultPids = 1024;
inline constexpr std::int64_t kDefaultDiskBytes = 10LL << 30;
inline constexpr std::int64_t kDefaultFiles = 1'000'000;  // more fill a disk in another way
inline constexpr std::int64_t kDefaultOpenFiles = 16384;

// The most that a config may say of max_attempts.
inline constexpr int kMostAttempts = 10;

// Limits of a run that somebody has named; absent means the default, for `cpu` none.
struct Limits {
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> pids;
  std::optional<double> cpu;
  std::optional<std::int64_t> disk_bytes;
  std::optional<std::int64_t> files;  // folders and names of hard links count, too
  std::optional<std::int64_t> open_files;
  std::optional<Seconds> timeout;
  std::optional<Seconds> idle_timeout;
};

// An agent config: the YAML of `vm0 build` (as JSON), checked. Format: docs/agent-config.md.
struct Config {
  std::string name;
  std::string provider;  // adapter's name; "claude-code" when not given
  std::vector<std::string> command;
  std::string dialect;  // empty: the adapter's own
  std::string binary;
  std::string working_dir;
  std::map<std::string, std::string> environment;
  std::string sandbox;  // empty: the server's default
  std::string image;    // of sandbox e2b: the template; empty: the server's default
  std::string network;
  std::vector<std::string> allow;
  Limits limits;
  std::optional<int> max_attempts;  // to start its supervisor; absent: the server's default
};

// Checks a config as stored or sent: `agent:` and `agents: {name: …}` forms, unknown keys refused
// by name, the reference's texts where it has them. kBadRequest otherwise. Keys of the reference
// that vm0 does not use (description, volumes) are taken and kept.
Result<Config> ParseConfig(const json::value& config);

// "4GiB", "512MiB", "10GB", "1024": bytes. kBadRequest naming `field` otherwise.
Result<std::int64_t> ParseBytes(std::string_view text, std::string_view field);

// ^[a-zA-Z0-9]([a-zA-Z0-9-]{1,62}[a-zA-Z0-9])$: 3 to 64 characters.
bool IsAgentName(std::string_view name);

}  // namespace vm0::agent
