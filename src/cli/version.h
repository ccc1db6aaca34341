// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace vm0::cli {

inline constexpr std::string_view kVersion = VM0_VERSION;

// Whether version `a` is newer than `b`: "0.10.0" is newer than "0.9.1". What follows the numbers
// ("-dev") does not count; a text without numbers is older than any version.
bool IsNewerVersion(std::string_view a, std::string_view b);

}  // namespace vm0::cli
