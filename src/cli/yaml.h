// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace vm0::cli {

// Limits of a YAML text. Aliases make a small text mean a big value: values are counted as written
// out.
inline constexpr std::size_t kYamlBytes = 1 << 20;
inline constexpr std::size_t kYamlValues = 100'000;
inline constexpr int kYamlDepth = 64;

// One YAML document as JSON, scalars by the core schema of YAML 1.2 (quoted ones are strings; yes,
// no, on and off are strings, too). kBadRequest with the line for what is not YAML, duplicate keys,
// keys that are no scalars, tags beyond the core schema's, numbers that JSON does not have, several
// documents, and what is beyond the limits.
Result<json::value> ParseYaml(std::string_view text);

}  // namespace vm0::cli
