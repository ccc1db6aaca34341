// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "os/fd.h"

namespace vm0::supervisor {

// What folders take up.
struct DiskUse {
  std::int64_t bytes = 0;    // allocated; a file with several names counts once over all of them
  std::int64_t entries = 0;  // files, folders and whatever else has a name
  bool too_deep = false;     // there are folders below kDeepestFolder, which were not counted
};
inline constexpr std::size_t kDeepestFolder = 512;

// One look at some folders that a hostile agent may be changing meanwhile: never follows symbolic
// links nor leaves the folder's file system, goes on when names vanish, holds at most
// kDeepestFolder descriptors. A folder of ours that its owner may not read is opened to him for
// the time of the look. Does not see files that are open but have no name any more.
class DiskCount {
 public:
  explicit DiskCount(std::vector<std::filesystem::path> folders);
  ~DiskCount();
  DiskCount(const DiskCount&) = delete;
  DiskCount& operator=(const DiskCount&) = delete;

  // Counts so many entries more; false when there is nothing left to count.
  bool Step(int entries);
  const DiskUse& use() const { return use_; }

 private:
  struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  struct Frame {
    std::unique_ptr<DIR, CloseDirectory> directory;
    std::optional<mode_t> mode;  // to be given back
  };

  void Enter(int parent, const std::string& name);
  void Leave();
  void Count(int parent, const char* name);
  void Add(const struct stat& entry);

  std::vector<std::filesystem::path> folders_;  // not entered yet
  std::vector<Frame> frames_;
  dev_t device_ = 0;
  DiskUse use_;
};

}  // namespace vm0::supervisor
