// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/environment.h"

namespace vm0::cli {

// What the user's file ~/.vm0/config.json says: {"token":"vm0_live_…","apiUrl":"https://…"}. Other
// members belong to other versions.
struct Config {
  std::optional<std::string> token;
  std::optional<std::string> api_url;
};

// $HOME/.vm0/config.json. kBadRequest when HOME is not set.
Result<std::filesystem::path> ConfigPath(const Environment& environment);
// A missing file is an empty config; one that is broken is kBadRequest naming file and remedy.
Result<Config> LoadConfig(const std::filesystem::path& path);

// Where the server keeps its data: VM0_DATA_DIR, else $XDG_STATE_HOME/vm0, else
// ~/.local/state/vm0. Absolute. kBadRequest when none of them is set.
Result<std::filesystem::path> DefaultDataDir(const Environment& environment);
// The same for `option` (--data-dir), which wins if it is given.
Result<std::filesystem::path> DataDir(const std::optional<std::string>& option,
                                      const Environment& environment);

// The server that commands talk to.
struct ServerAddress {
  // The user's own server on this machine: started when it does not run.
  bool on_demand = false;
  std::string url;                 // as http::Endpoint::Parse takes it
  std::string token;               // empty: not known (yet, when on_demand)
  std::filesystem::path data_dir;  // on_demand
  // Whether the server sees the same files and programs as we do.
  bool same_machine() const;
};

// From VM0_API_URL and VM0_TOKEN, else the config, else the local server. There is no remote
// default. The config's token goes to the config's server only.
Result<ServerAddress> FindServer(const Environment& environment, const Config& config);

}  // namespace vm0::cli
