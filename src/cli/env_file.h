// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vm0::cli {

// The lines of a .env file: NAME=value, "export " before it or not; blank lines and those that
// begin with '#' say nothing. A value ends at the line's end or at " #"; in '…' it is as it stands,
// in "…" \n, \t, \" and \\ are known; both may span lines. Nothing is expanded. The last of a name
// wins. kBadRequest with the number of the line that is none of this.
Result<std::map<std::string, std::string>> ParseEnvFile(std::string_view text);
// The same, from a file of at most 1 MiB; kNotFound when there is none. Errors name it.
Result<std::map<std::string, std::string>> ReadEnvFile(const std::filesystem::path& path);

}  // namespace vm0::cli
