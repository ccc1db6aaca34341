// SPDX-License-Identifier: Apache-2.0
#include "cli/server_info.h"

#include "base/json.h"
#include "os/file.h"

namespace vm0::cli {

std::filesystem::path ServerInfoPath(const std::filesystem::path& data_dir) {
  return data_dir / "server.json";
}

Status WriteServerInfo(const std::filesystem::path& data_dir, const ServerInfo& info) {
  const json::object object{{"pid", info.pid},
                            {"url", info.url},
                            {"version", info.version},
                            {"onDemand", info.on_demand}};
  return os::WriteFileAtomic(ServerInfoPath(data_dir), ToJson(object) + "\n");
}

std::optional<ServerInfo> ReadServerInfo(const std::filesystem::path& data_dir) {
  const auto text = os::ReadFile(ServerInfoPath(data_dir), 1 << 16);
  if (!text) return std::nullopt;
  const auto object = ParseJsonObject(*text, "server.json");
  if (!object) return std::nullopt;
  const json::value* pid = Member(*object, "pid");
  const json::value* on_demand = Member(*object, "onDemand");
  return ServerInfo{.pid = pid && pid->is_int64() ? static_cast<int>(pid->get_int64()) : 0,
                    .url = std::string(StringMember(*object, "url").value_or("")),
                    .version = std::string(StringMember(*object, "version").value_or("")),
                    .on_demand = on_demand && on_demand->is_bool() && on_demand->get_bool()};
}

}  // namespace vm0::cli
