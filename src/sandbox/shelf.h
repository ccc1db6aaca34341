// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sandbox/sandbox.h"

namespace vm0::sandbox {

// Things of the host that get a place in a small folder which a run's user can enter, wherever they
// are: he may not be able to enter the folders above them. For uid 0, in a private mount namespace.
class Shelf {
 public:
  explicit Shelf(uid_t run_uid) : run_uid_(run_uid) {}

  // The folder to hide: /mnt, /media or /srv. Before all that follows.
  Status Choose();
  // Opened now, mounted by Mount: the shelf may hide it.
  Status Add(const std::filesystem::path& source, const std::string& name,
             Status (*change)(const os::Fd&));
  // The box's "home", "tmp" and "workspace"; the user's folder shows the run's user as its owner,
  // read-only if the box wants it so.
  Status AddFolders(const BoxSpec& spec);
  // A name in bin/ for a program that is found on PATH.
  void AddProgram(const std::string& name, const std::filesystem::path& inside) {
    programs_.emplace_back(name, inside);
  }
  bool has_programs() const { return !programs_.empty(); }
  std::filesystem::path PathOf(const std::string& name) const { return where_ / name; }

  // Whether the run's user has those rights (access(2)) to that file once the shelf is mounted.
  bool Reaches(const std::filesystem::path& path, int mode) const;

  Status Mount();

 private:
  struct Item {
    os::Fd tree;
    std::filesystem::path place;
    bool is_directory;
  };

  bool IsHidden(const std::filesystem::path& path) const;
  Result<os::Fd> OpenUsersFolder(const BoxSpec& spec) const;
  static Status MakePlace(const Item& item);
  Status MakeLinks() const;

  uid_t run_uid_;
  std::filesystem::path where_;
  std::vector<Item> items_;
  std::vector<std::pair<std::string, std::filesystem::path>> programs_;
};

}  // namespace vm0::sandbox
