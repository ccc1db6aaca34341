// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "cli/options.h"
#include "cli/session.h"

namespace vm0::cli {

// Parses a command's arguments; prints the help or the error. The exit code if the command is done
// with that.
std::optional<int> ParseArguments(ArgumentParser& parser, std::string_view command,
                                  Context& context);

}  // namespace vm0::cli
