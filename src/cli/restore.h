// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "store/backup.h"
#include "store/inspect.h"

// A backup takes the place of a data directory's database, in steps between which the process or
// the machine may die. What it brings is staged under other names; a marker, `restore.ready`, says
// that all of it is there. From then on whoever comes next goes on with it: `vm0 restore`, or a
// server before it opens the database. What was there before is kept under another name.
namespace vm0::cli {

// Reads all of a backup and changes nothing. kBadRequest when it is damaged or none, kNotFound.
Result<store::BackupHeader> CheckBackup(const std::filesystem::path& file);

// Whether a backup may take the place of what is there: kConflict when there is the key of another
// database that is elsewhere, which would lose it.
Status CheckTarget(const store::BackupHeader& header, const std::filesystem::path& data_dir);

// Stages a backup and checks its database. The caller holds <data-dir>/lock, and has finished what
// was begun before. On an error all is as it was.
struct Staged {
  store::DatabaseFacts facts;
  // What is put at the end of the names of what was there: "before-restore-20251120T080000Z".
  std::string kept_as;
};
Result<Staged> StageBackup(const std::filesystem::path& file, const std::filesystem::path& data_dir,
                           WallTime now);
// From here on it is going to happen. On an error all is as it was, as far as the disk lets us.
Status CommitRestore(const std::filesystem::path& data_dir, const Staged& staged);
// Does what a committed restore has left to do; when there is none, removes what one has staged.
// The caller holds <data-dir>/lock. kConflict when somebody else uses the database.
Status FinishRestore(const std::filesystem::path& data_dir);

}  // namespace vm0::cli
