// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "agent/spec.h"
#include "base/result.h"
#include "client/run_client.h"
#include "os/file.h"
#include "os/file_tree.h"
#include "supervisor/run_dir.h"

namespace vm0::runner {

// What lies in a run's directory (docs/protocol.md 1), as the runner handles it. All of these
// block. Whoever changes something holds the run's lock.

// The directory, where it is missing, but not those above it: what was moved away shall not be made
// anew. Its name is durable then.
Status MakeDirectoryOnce(const std::filesystem::path& path);

// Where the agent will run.
enum class Place { kHere, kCloud };
// What a directory is made from.
struct Preparation {
  supervisor::RunDir dir;  // exists
  client::ClaimAnswer claim;
  agent::RunSpec spec;  // of the claim
  Place place = Place::kHere;
  std::optional<uid_t> run_uid;    // set: workspace and home are given to it
  std::filesystem::path data_dir;  // not copied with a folder that it lies in
  std::string server_url;          // where its supervisor finds the server
  const std::atomic<bool>* stop = nullptr;
};
// Removes what an earlier attempt left, then makes uid, workspace, home, token and last spec.json:
// a directory without it has nothing to ship. For the cloud the workspace is an archive, to be sent
// (kWorkspaceArchive), and there is neither home nor uid. The error says for people what is wrong;
// kUnavailable when `stop` was set.
Status PrepareRun(const Preparation& preparation);

inline constexpr const char* kWorkspaceArchive = "workspace.tar.gz";  // to the cloud
inline constexpr const char* kResultArchive = "result.tar.gz";        // back from there
// Puts what is packed in `archive`, which comes from a machine that we do not trust, in the place
// of the run's workspace. As a whole or not at all: the error says why; kUnavailable when `stop`
// was set.
Status UnpackWorkspace(const supervisor::RunDir& dir, const std::filesystem::path& archive,
                       const std::atomic<bool>* stop);

bool HasSpec(const supervisor::RunDir& dir);
// Whether something of a run is left that goes with its end: its /tmp, its uid, its sandbox.
bool IsUntidy(const supervisor::RunDir& dir);
// The attempt whose agent has run, or may have, whatever the server says; nullopt when none has.
std::optional<int> FindStartedAttempt(const supervisor::RunDir& dir);
// Whether the lock's file was last described before the machine's last start.
bool IsFromFormerBoot(const supervisor::RunDir& dir);
// The last line of a supervisor's log, shortened for a message; empty when there is none.
std::string LastLine(const std::filesystem::path& log);
// The folder that a run of which spec.json is there works on in place (:rw).
std::optional<os::FileId> FindSharedFolder(const supervisor::RunDir& dir);
// The same from its spec; nullopt for other modes and when there is no such folder.
std::optional<os::FileId> SharedFolderOf(const agent::RunSpec& spec);
// Lets go of a lock at once, even when another thread has just forked.
void Unlock(std::optional<os::FileLock>& lock);
// The process that holds the run's lock, as far as its file says and that process has it open;
// kNotFound otherwise: the lock may be held by one that has not described itself yet.
Result<os::Fd> OpenLockHolder(const supervisor::RunDir& dir);

}  // namespace vm0::runner
