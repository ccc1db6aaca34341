// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace vm0::cli {

// The first line that a program prints on stdout. It is killed when it takes longer than `patience`
// (kDeadline). kIo when it can't be executed. Blocks.
Result<std::string> FirstLineOf(const std::string& executable,
                                const std::vector<std::string>& arguments,
                                const std::map<std::string, std::string>& environment,
                                Millis patience);

}  // namespace vm0::cli
