// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/config.h"
#include "base/json.h"
#include "base/result.h"
#include "cli/environment.h"
#include "cli/output.h"

namespace vm0::cli {

// Replaces each ${NAME} in every string of `value` (keys excepted) by the variable of that name,
// and adds names that are not set to `missing`, once each, in order. ${{ … }} and all else stays.
void ExpandVariables(json::value& value, const Environment& environment,
                     std::vector<std::string>& missing);

// An agent's YAML file, expanded and checked.
struct ConfigFile {
  json::value json;      // what the server gets
  agent::Config config;  // what it means
};

// Why a config file can not be used, as people see it: a headline and lines below it.
struct ConfigFileError {
  Code code = Code::kBadRequest;
  std::string headline;
  std::vector<std::string> details;
};
std::expected<ConfigFile, ConfigFileError> LoadConfigFile(const std::filesystem::path& path,
                                                          const Environment& environment);
// Prints it and gives the exit code.
int ReportConfigFileError(Output& output, const ConfigFileError& error);

}  // namespace vm0::cli
