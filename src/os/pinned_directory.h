// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>

#include "base/result.h"
#include "os/fd.h"

namespace vm0::os {

// A directory that is found again wherever it is moved to, until it is deleted: it is kept open.
// Any thread.
class PinnedDirectory {
 public:
  // kNotFound when there is none, kIo for everything else.
  static Result<PinnedDirectory> Open(const std::filesystem::path& path);

  // A name that follows it. Good in this process alone, as long as this object lives.
  std::filesystem::path path() const;
  // It has been removed, and can not come back.
  bool is_deleted() const;

 private:
  explicit PinnedDirectory(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace vm0::os
