// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.h"
#include "os/file_tree.h"

namespace vm0::runner {

struct CopyOptions {
  // This directory is left out where it is met: our data directory may lie in a user's folder. (The
  // copy itself is left out anyway.)
  std::optional<os::FileId> left_out = std::nullopt;
  const std::atomic<bool>* stop = nullptr;  // set: the copy ends early with kUnavailable
  // Of what is copied: bytes of disk, files and folders. Beyond, it ends with kBadRequest.
  std::optional<std::int64_t> limit_bytes = std::nullopt;
  std::optional<std::int64_t> limit_files = std::nullopt;
};

// Copies what is in directory `from` into directory `to`, which is made and must not exist: hidden
// files too, symbolic links as links; sockets, pipes and devices are left out. Shares blocks where
// the file system can (FICLONE). Permissions and times of change are kept; owners, set-uid bits and
// hard links are not. Directories may be nested 200 deep. kIo, kNotFound name the file.
Status CopyTree(const std::filesystem::path& from, const std::filesystem::path& to,
                const CopyOptions& options);

}  // namespace vm0::runner
