// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::sandbox {

// The mount calls of a launcher, in a mount namespace of its own. Errors are kIo with the path.

// Nothing that is mounted here is seen outside.
Status MakeMountsPrivate();
// A /proc of this pid namespace.
Status MountProc();
// A small tmpfs that everybody may enter, hiding what is below.
Status MountShelf(const std::filesystem::path& where);

// A copy of the mount that `path` is in, as if `path` were its root: attached to nothing yet. Stays
// usable when the path gets hidden.
Result<os::Fd> CloneTree(const std::filesystem::path& path);
Status MakeReadOnly(const os::Fd& tree);
// Shows what belongs to `owner` as if it belonged to `shown`; what `shown` makes there belongs to
// `owner`. Needs root, and a file system that can (ext4, xfs, btrfs, tmpfs can).
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};
Status MapOwner(const os::Fd& tree, Identity owner, Identity shown);
// Mounts the copy on an existing file or directory.
Status Attach(const os::Fd& tree, const std::filesystem::path& where);

}  // namespace vm0::sandbox
