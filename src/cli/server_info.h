// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace vm0::cli {

// <data-dir>/server.json: what a server says of itself while it lives. A hint for people and for
// the CLI, never proof that it lives.
struct ServerInfo {
  int pid = 0;
  std::string url;  // of its TCP listener
  std::string version;
  bool on_demand = false;
};

std::filesystem::path ServerInfoPath(const std::filesystem::path& data_dir);
Status WriteServerInfo(const std::filesystem::path& data_dir, const ServerInfo& info);
// nullopt when there is none, or none that can be read.
std::optional<ServerInfo> ReadServerInfo(const std::filesystem::path& data_dir);

}  // namespace vm0::cli
