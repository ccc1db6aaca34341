// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"

namespace vm0::cli {

// What `vm0 show` prints of a run: "status: completed", a line each, an object's members indented
// below its name, and the further lines of a text below its first: no text of an agent looks like a
// field. Harmless for a terminal. "runId" is left out: "id" is the same.
std::string FormatFields(const json::object& run);

}  // namespace vm0::cli
