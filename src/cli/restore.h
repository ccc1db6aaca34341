// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "store/backup.h"

// A backup takes the place of a data directory's database, in steps between which the process or
// the machine may die. What it brings is staged under other names; a marker, `restore.ready`, says
// that all of it is there. From then on whoever comes next goes on with it: `vm0 restore`, or a
// server before it opens the database. What was there before is kept under another name.
namespace vm0::cli {

// Reads all of a backup and changes nothing. kBadRequest when it is damaged or none, kNotFound.
Result<store::BackupHeader> CheckBackup(const std::filesystem::path& file);

// Stages a backup and checks its database. The caller holds <data-dir>/lock, and has finished what
// was begun before. On an error all is as it was.
struct Staged {
  store::DatabaseFacts facts;
  // What is put at the end of the names of what was there: "before-restore-20251120T080000Z".
  std::string kept_as;
};
Result<Staged> StageBackup(const std::filesystem::path& file, const std::filesystem::path& data_dir,
                           WallTime now);
// From here on it is going to happen.
Status CommitRestore(const std::filesystem::path& data_dir, const Staged& staged);
// Does what a committed restore has left to do; nothing when there is none. The caller holds
// <data-dir>/lock. kConflict when somebody else uses the database.
Status FinishRestore(const std::filesystem::path& data_dir);

}  // namespace vm0::cli
