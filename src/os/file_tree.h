// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::os {

// Which file it is, whatever it is called.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileId&) const = default;
};
// Of what `path` leads to, symbolic links followed.
Result<FileId> FindFileId(const std::filesystem::path& path);

// The names in an open directory but for "." and "..", in no order. `where` is for messages.
Result<std::vector<std::string>> ListNames(int directory, const std::string& where);
// A directory, never through a symbolic link.
Result<Fd> OpenDirectory(int parent, const std::string& name, const std::string& where);

// Removes a file or a whole tree, read-only directories of ours included; absent is fine. Never
// follows symbolic links; depth is unlimited.
Status RemoveTree(const std::filesystem::path& path);

// Gives a tree to another owner: symbolic links themselves, never what they lead to. With
// `only_from`, only what belongs to that uid. Absent is fine. Depth is unlimited. Nobody may change
// the tree meanwhile. Ends early with kUnavailable once `stop` is set.
struct ChownOptions {
  uid_t uid = 0;
  gid_t gid = 0;
  std::optional<uid_t> only_from = std::nullopt;
  const std::atomic<bool>* stop = nullptr;
};
Status ChownTree(const std::filesystem::path& path, const ChownOptions& options);

}  // namespace vm0::os
