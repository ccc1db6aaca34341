// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "os/clock.h"

namespace vm0::cli {

// One line on stderr, behind the time: what a server says of itself. Never give it a secret.
void ServerLog(const os::Clock& clock, std::string_view text);

}  // namespace vm0::cli
