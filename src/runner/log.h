// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace vm0::runner {

// One line to stderr, for whoever keeps this server: "vm0 runner: run <id>: <what>".
void Log(std::string_view run_id, std::string_view what);

}  // namespace vm0::runner
