// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "archive/limits.h"
#include "os/file_tree.h"

namespace vm0::archive {

struct PackOptions {
  // This directory is left out where it is met: our data directory may lie in a user's folder.
  std::optional<os::FileId> left_out = std::nullopt;
  Limits limits = {};
};

// Writes what is in `folder` to `file`, a .tar.gz, which is made (0600) and must not exist: hidden
// files too, symbolic links as links; sockets, pipes and devices are left out, and the archive
// itself. Permissions and times of change are kept (not those of links); owners and set-uid bits
// are not, and each name of a file with hard links becomes a file. Equal folders give equal bytes.
// A file that changes meanwhile is in it with the size that it had first; what goes away is left
// out. Directories may be nested 200 deep. Blocks; any thread. After an error there is no file;
// errors name what could not be read.
Status Pack(const std::filesystem::path& folder, const std::filesystem::path& file,
            const PackOptions& options);

}  // namespace vm0::archive
