// SPDX-License-Identifier: Apache-2.0
#include "runner/run_files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/pack.h"
#include "archive/unpack.h"
#include "base/text.h"
#include "event/record.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/process.h"
#include "runner/copy_tree.h"
#include "runner/sandbox_note.h"
#include "sandbox/sandbox.h"
#include "supervisor/held_limits.h"

namespace vm0::runner {
namespace {

using agent::Workspace;

constexpr std::size_t kMaxLogBytes = 4 << 20;
constexpr std::size_t kMaxSaid = 500;

Status CheckFolder(const std::filesystem::path& folder) {
  struct stat entry {};
  if (::stat(folder.c_str(), &entry) != 0) return Fail(SystemError("open", folder.string()));
  if (S_ISDIR(entry.st_mode)) return {};
  return Fail(Code::kBadRequest, folder.string() + " is no directory");
}

bool IsAtOrBelow(const std::filesystem::path& path, const std::filesystem::path& top) {
  return std::mismatch(path.begin(), path.end(), top.begin(), top.end()).second == top.end();
}

// Our data directory holds tokens and other runs: no agent may work in it. Nor above it where we
// are root: there the agent acts with the rights of the folder's owner.
Status CheckApart(const std::filesystem::path& folder, const std::filesystem::path& data_dir) {
  std::error_code error;
  const auto real = std::filesystem::canonical(folder, error);
  if (error) return Fail(SystemErrorOf(error.value(), "open", folder.string()));
  const auto data = std::filesystem::canonical(data_dir, error);
  if (error) return Fail(SystemErrorOf(error.value(), "open", data_dir.string()));
  if (IsAtOrBelow(real, data)) {
    return Fail(Code::kBadRequest, folder.string() + " lies in vm0's own data directory");
  }
  if (::geteuid() == 0 && IsAtOrBelow(data, real)) {
    return Fail(Code::kBadRequest, folder.string() + " holds vm0's own data directory " +
                                       data.string() + ": give a copy of it (without :rw or :ro)");
  }
  return {};
}

// The copy counts for the run's limits, as far as they are held at all.
void BoundCopy(const agent::RunSpec& spec, CopyOptions& options) {
  const sandbox::Driver* driver = sandbox::FindDriver(spec.sandbox);
  if (driver == nullptr) return;
  const auto held = agent::HeldLimits(spec.limits, supervisor::EnforceableBy(*driver));
  options.limit_bytes = held.disk_bytes;
  options.limit_files = held.files;
}

Status MakeWorkspace(const Preparation& preparation) {
  const Workspace& workspace = preparation.spec.workspace;
  const auto own = preparation.dir.workspace();
  switch (workspace.mode) {
    case Workspace::Mode::kFresh:
      return os::MakeDirectory(own, 0700);
    case Workspace::Mode::kCopy: {
      CopyOptions options{.stop = preparation.stop};
      BoundCopy(preparation.spec, options);
      VM0_ASSIGN(options.left_out, os::FindFileId(preparation.data_dir));
      if (os::FindFileId(workspace.path) == *options.left_out) {
        return Fail(Code::kBadRequest, workspace.path + " is vm0's own data directory");
      }
      return CopyTree(workspace.path, own, options);
    }
    case Workspace::Mode::kReadOnly:
    case Workspace::Mode::kReadWrite:
      VM0_TRY(CheckFolder(workspace.path));
      return CheckApart(workspace.path, preparation.data_dir);
  }
  return {};
}

Status GiveToRun(const Preparation& preparation) {
  if (!preparation.run_uid) return {};
  const uid_t uid = *preparation.run_uid;
  const os::ChownOptions options{.uid = uid, .gid = uid, .stop = preparation.stop};
  VM0_TRY(os::ChownTree(preparation.dir.workspace(), options));
  VM0_TRY(os::ChownTree(preparation.dir.home(), options));
  return os::ChownTree(preparation.dir.tmp(), options);
}

// A reason that people read: what went wrong with what of theirs.
Error Explain(Error error, std::string_view what) {
  if (error.code != Code::kUnavailable) error.message = std::string(what) + ": " + error.message;
  return error;
}

// Whether that process has that very file open.
bool HasOpen(pid_t pid, const std::filesystem::path& path) {
  const auto wanted = os::FindFileId(path);
  const auto where = "/proc/" + std::to_string(pid) + "/fd";
  const auto directory = os::OpenDirectory(AT_FDCWD, where, where);
  if (!wanted || !directory) return false;
  const auto names = os::ListNames(directory->get(), where);
  if (!names) return false;
  for (const std::string& name : *names) {
    if (os::FindFileId(where + "/" + name) == *wanted) return true;
  }
  return false;
}

Status WriteRun(const Preparation& preparation) {
  const auto& dir = preparation.dir;
  (void)os::FaultFails("runner.directory");
  VM0_TRY(os::WriteFileAtomic(dir.token(), preparation.claim.token));
  (void)os::FaultFails("runner.token");
  const supervisor::StoredRun run{.run_id = preparation.claim.run_id,
                                  .attempt = preparation.claim.attempt,
                                  .server = preparation.server_url,
                                  .spec = {}};
  return os::WriteFileAtomic(dir.spec(), supervisor::FormatStoredRun(run, preparation.claim.spec));
}

// A run elsewhere has no limits of ours, but the workspace takes room here.
archive::Limits ArchiveLimits(const std::atomic<bool>* stop) {
  return {.bytes = agent::kDefaultDiskBytes, .files = agent::kDefaultFiles, .stop = stop};
}

Status PackWorkspace(const Preparation& preparation) {
  const Workspace& workspace = preparation.spec.workspace;
  if (workspace.mode != Workspace::Mode::kCopy) return {};
  archive::PackOptions options{.left_out = {}, .limits = ArchiveLimits(preparation.stop)};
  VM0_ASSIGN(options.left_out, os::FindFileId(preparation.data_dir));
  if (os::FindFileId(workspace.path) == *options.left_out) {
    return Fail(Code::kBadRequest, workspace.path + " is vm0's own data directory");
  }
  return archive::Pack(workspace.path, preparation.dir.path() / kWorkspaceArchive, options);
}

}  // namespace

Status MakeDirectoryOnce(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
  const Status made = os::MakeDirectory(path, 0700);
  if (!made && made.error().code == Code::kConflict) return {};
  if (!made) return made;
  return os::SyncDirectory(path.parent_path());
}

Status PrepareRun(const Preparation& preparation) {
  const auto& dir = preparation.dir;
  for (const auto& path : {dir.spec(), dir.token(), dir.spool(), dir.elapsed(), dir.workspace(),
                           dir.home(), dir.tmp(), dir.path() / kWorkspaceArchive}) {
    VM0_TRY(os::RemoveTree(path));
  }
  if (preparation.place == Place::kCloud) {
    if (auto packed = PackWorkspace(preparation); !packed) {
      return Fail(Explain(std::move(packed).error(), "the workspace could not be packed"));
    }
    return WriteRun(preparation);
  }
  if (preparation.run_uid) {
    const std::string uid = std::to_string(*preparation.run_uid) + "\n";
    VM0_TRY(os::WriteFileAtomic(dir.uid(), uid));
  }
  if (auto made = MakeWorkspace(preparation); !made) {
    return Fail(Explain(std::move(made).error(), "the workspace could not be prepared"));
  }
  if (auto made = os::MakeDirectory(dir.home(), 0700); !made) {
    return Fail(Explain(std::move(made).error(), "the agent's home could not be prepared"));
  }
  if (auto made = os::MakeDirectory(dir.tmp(), 0700); !made) {
    return Fail(Explain(std::move(made).error(), "the agent's /tmp could not be prepared"));
  }
  if (auto given = GiveToRun(preparation); !given) {
    return Fail(Explain(std::move(given).error(), "the workspace could not be given to the agent"));
  }
  return WriteRun(preparation);
}

Status UnpackWorkspace(const supervisor::RunDir& dir, const std::filesystem::path& archive,
                       const std::atomic<bool>* stop) {
  const auto fresh = dir.path() / "workspace.new";
  VM0_TRY(os::RemoveTree(fresh));
  if (auto unpacked = archive::Unpack(archive, fresh, ArchiveLimits(stop)); !unpacked) {
    (void)os::RemoveTree(fresh);
    return unpacked;
  }
  VM0_ASSIGN(const os::Fd folder, os::OpenDirectory(AT_FDCWD, fresh.string(), fresh.string()));
  // Its files are durable before it has its name.
  if (::syncfs(folder.get()) != 0) return Fail(SystemError("sync", fresh.string()));
  VM0_TRY(os::RemoveTree(dir.workspace()));
  VM0_TRY(os::Rename(fresh, dir.workspace()));
  VM0_TRY(os::SyncDirectory(dir.path()));
  return os::Remove(archive);
}

bool HasSpec(const supervisor::RunDir& dir) { return ::access(dir.spec().c_str(), F_OK) == 0; }

bool IsUntidy(const supervisor::RunDir& dir) {
  for (const auto& path : {dir.tmp(), dir.uid(), SandboxNotePath(dir)}) {
    if (::access(path.c_str(), F_OK) == 0) return true;
  }
  return false;
}

std::optional<int> FindStartedAttempt(const supervisor::RunDir& dir) {
  if (const auto noted = dir.ReadStarted()) return noted;
  // Where the note could not be written, records tell it.
  struct stat spool {};
  const bool has_records = ::stat(dir.spool().c_str(), &spool) == 0 &&
                           spool.st_size > static_cast<off_t>(event::kSpoolHeader.size());
  if (!has_records) return std::nullopt;
  const auto run = dir.ReadSpec();
  return run ? run->attempt : 1;
}

bool IsFromFormerBoot(const supervisor::RunDir& dir) {
  const auto text = os::ReadFile(dir.lock(), 4096);
  const auto boot = os::BootId();
  if (!text || !boot) return false;
  for (const std::string_view word : Split(TrimAscii(*text), ' ')) {
    if (word.starts_with("boot=")) return word.substr(5) != *boot;
  }
  return false;
}

std::string LastLine(const std::filesystem::path& log) {
  const auto text = os::ReadFile(log, kMaxLogBytes);
  if (!text) return "";
  std::string_view line = TrimAscii(*text);
  if (const auto start = line.rfind('\n'); start != std::string_view::npos)
    line.remove_prefix(start + 1);
  return ReplaceInvalidUtf8(line.substr(0, kMaxSaid));
}

std::optional<os::FileId> SharedFolderOf(const agent::RunSpec& spec) {
  if (spec.workspace.mode != Workspace::Mode::kReadWrite) return std::nullopt;
  const auto id = os::FindFileId(spec.workspace.path);
  return id ? std::optional(*id) : std::nullopt;
}

std::optional<os::FileId> FindSharedFolder(const supervisor::RunDir& dir) {
  const auto run = dir.ReadSpec();
  return run ? SharedFolderOf(run->spec) : std::nullopt;
}

void Unlock(std::optional<os::FileLock>& lock) {
  if (lock) ::flock(lock->fd(), LOCK_UN);
  lock.reset();
}

Result<os::Fd> OpenLockHolder(const supervisor::RunDir& dir) {
  VM0_ASSIGN(const std::string text, os::ReadFile(dir.lock(), 4096));
  std::optional<std::int64_t> pid;
  for (const std::string_view word : Split(TrimAscii(text), ' ')) {
    if (word.starts_with("pid=")) pid = ParseInt(word.substr(4));
  }
  if (!pid || *pid <= 1 || *pid > 0x7fffffff) {
    return Fail(Code::kNotFound, dir.lock().string() + " names no process");
  }
  VM0_ASSIGN(os::Fd process, os::OpenPidFd(static_cast<pid_t>(*pid)));
  const bool is_holder = HasOpen(static_cast<pid_t>(*pid), dir.lock());
  // It lives still, so it was the same process all the time.
  pollfd ended{process.get(), POLLIN, 0};
  if (is_holder && ::poll(&ended, 1, 0) == 0) return process;
  return Fail(Code::kNotFound, dir.lock().string() + " names a process that does not hold it");
}

}  // namespace vm0::runner
