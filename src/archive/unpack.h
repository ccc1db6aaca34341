// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "archive/limits.h"

namespace vm0::archive {

// Makes `folder` (0700), which must not exist, and puts into it what is in `file`, an archive as
// Pack writes it. The file may come from anybody: nothing is ever written outside of `folder`, and
// memory is bounded whatever it says. Taken are files, folders and symbolic links (as they are;
// never followed), each name once and each after its folder; anything else in the archive is
// kBadRequest, as are names that lead outside, damage, and what passes the limits. Set-uid bits and
// owners are not kept. Blocks; any thread. What was made before an error stays. Errors name the
// entry.
Status Unpack(const std::filesystem::path& file, const std::filesystem::path& folder,
              const Limits& limits);

}  // namespace vm0::archive
