// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "cli/output.h"

namespace vm0::cli {

// The value of a secret from stdin: on a terminal one line, asked for on stderr and not shown while
// it is typed; else all there is, without the line break at its end. kBadRequest when it is empty
// or larger than 64 KiB.
Result<std::string> ReadSecretValue(const std::string& name, Output& output);

}  // namespace vm0::cli
