// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/process.h"

namespace vm0::sandbox {

// Whose folder the agent works in, and what it may do there.
enum class WorkspaceKind {
  kOwn,            // the run's own: belongs to the run's user already
  kUsers,          // :rw, the user's folder, worked on in place; files keep their owner
  kUsersReadOnly,  // :ro, the same without writing
};

// What shall run in the box.
struct BoxSpec {
  // argv[0] is an absolute path, or a path below working_dir with a '/', or searched on the PATH of
  // `environment`.
  std::vector<std::string> argv;
  // All of it, secrets included; but for HOME, which the driver adds when it is missing, since it
  // decides where `home` is inside.
  std::map<std::string, std::string> environment;
  std::filesystem::path home;       // on the host
  std::filesystem::path workspace;  // on the host
  WorkspaceKind workspace_kind = WorkspaceKind::kOwn;
  // Inside; empty: the workspace. "/workspace" and what is below it means the workspace wherever
  // the driver puts it, and so does a relative path.
  std::string working_dir;
  // Set when we are uid 0: the uid and gid that the agent gets. Never 0.
  std::optional<uid_t> run_uid;
};

// A box that runs. Passive: its owner polls the descriptors. Destroying it kills the tree.
class Box {
 public:
  virtual ~Box() = default;
  virtual os::Fd& stdout_pipe() = 0;  // non-blocking read ends; EOF when all writers are gone
  virtual os::Fd& stderr_pipe() = 0;
  // Readable when the box has ended: the agent and everything that it started are gone.
  virtual int exit_fd() const = 0;
  // After exit_fd is readable: how the agent ended. kSandboxUnavailable or kIo, with the reason,
  // when it could never be executed. Once.
  virtual Result<os::ExitStatus> Finish() = 0;
  // To the agent's process group.
  virtual void Signal(int signal) = 0;
  // The whole tree, at once. exit_fd becomes readable, unless a process hangs in the kernel:
  // callers wait with a limit of their own.
  virtual void Kill() = 0;
};

// One way to isolate an agent. Stateless; lives for the whole program.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual std::string_view name() const = 0;
  // Runs the real path once with a program that does nothing. kSandboxUnavailable with reason and
  // remedy when this machine refuses it. Blocks for some milliseconds.
  virtual Status Preflight() const = 0;
  // The calling thread must outlive the box: the tree dies with it.
  virtual Result<std::unique_ptr<Box>> Start(const BoxSpec& spec) const = 0;
};

// "none"; nullptr for an unknown name.
const Driver* FindDriver(std::string_view name);
std::vector<std::string_view> DriverNames();

// Kills what an earlier process of ours may have left of a run whose supervisor is dead: everything
// that runs under `run_uid`, or else has VM0_RUN_ID=<run_id> in its environment and our uid. Gives
// how many there were. Blocks until they are gone; kIo when some are not after 10 s.
Result<int> KillLeftovers(const std::string& run_id, std::optional<uid_t> run_uid);
// Whether anything runs under that uid.
bool HasProcesses(uid_t uid);

}  // namespace vm0::sandbox
