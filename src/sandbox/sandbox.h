// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
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

// What of the network the agent gets.
enum class Network {
  kFull,       // the host's, loopback included
  kAllowlist,  // a loopback of its own; a proxy of the caller listens there (Box::proxy_channel)
  kNone,       // a loopback of its own
};

// What the box holds the agent and all that it starts to; absent: no limit.
struct Limits {
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> pids;        // processes and threads
  std::optional<double> cpu;               // cores
  std::optional<std::int64_t> open_files;  // of one process
  std::optional<std::int64_t> file_bytes;  // size of one file
};

// What the agent used, as far as this machine can tell. Known when the box has ended.
struct Usage {
  std::optional<std::int64_t> memory_peak_bytes;
  std::optional<std::int64_t> pids_peak;
  std::optional<std::int64_t> cpu_us;
  std::int64_t oom_kills = 0;  // by the memory limit
};

// Where the agent finds the proxy of Network::kAllowlist, inside.
inline constexpr std::uint16_t kProxyPort = 3128;

// What shall run in the box.
struct BoxSpec {
  // Names what the box makes on the host (control groups): the run's id.
  std::string name;
  // argv[0] is an absolute path, or a path below working_dir with a '/', or searched on the PATH of
  // `environment`.
  std::vector<std::string> argv;
  // All of it, secrets included; but for HOME, which the driver adds when it is missing, since it
  // decides where `home` is inside (and, for `none`, TMPDIR).
  std::map<std::string, std::string> environment;
  std::filesystem::path home;  // on the host, as the two that follow
  std::filesystem::path workspace;
  std::filesystem::path tmp;  // /tmp of inside; where the host's /tmp is seen, TMPDIR names it
  WorkspaceKind workspace_kind = WorkspaceKind::kOwn;
  // Inside; empty: the workspace. "/workspace" and what is below it means the workspace wherever
  // the driver puts it, and so does a relative path.
  std::string working_dir;
  // Set when we are uid 0: the uid and gid that the agent gets. Never 0.
  std::optional<uid_t> run_uid;
  // Whether argv[0] is a program of the host whose installation (installation.h) is shown inside,
  // read-only, at its own path. Otherwise it must be among what every box has.
  bool show_installation = false;
  // With show_installation: the folders of the host, as in PATH, where argv[0] without a '/' and
  // the interpreter of a script are looked for. Not the agent's PATH, which a user may set.
  std::string host_path;
  Network network = Network::kFull;
  // Only limits that the driver can hold here (Driver::Enforceable).
  Limits limits;
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
  // Network::kAllowlist: readable when the listening TCP socket of inside, 127.0.0.1:kProxyPort,
  // can be taken with ReceiveProxyListener; the end of file when there will be none. Closed
  // otherwise.
  virtual os::Fd& proxy_channel() = 0;
  // After Finish.
  virtual Usage usage() const = 0;
  // The whole tree, at once. exit_fd becomes readable, unless a process hangs in the kernel:
  // callers wait with a limit of their own.
  virtual void Kill() = 0;
};

// The listener from a box's proxy_channel, non-blocking; kSandboxUnavailable at its end.
Result<os::Fd> ReceiveProxyListener(int proxy_channel);

// Which limits a driver can hold on this machine.
struct Enforceable {
  bool memory = false;
  bool pids = false;
  bool cpu = false;
  bool open_files = false;
  bool file_bytes = false;
};

// One way to isolate an agent. Stateless; lives for the whole program.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual std::string_view name() const = 0;
  // Runs the real path once with a program that does nothing. kSandboxUnavailable with reason and
  // remedy when this machine refuses it. Blocks for some milliseconds.
  virtual Status Preflight() const = 0;
  // False for "none": the agent sees the host.
  virtual bool isolates() const = 0;
  // What a run of ours could be held to; looked up anew each time.
  virtual Enforceable CanEnforce() const = 0;
  // What it does without on this machine though it passes its preflight: a second layer that the
  // kernel does not have. For people.
  virtual std::vector<std::string> MissingLayers() const = 0;
  // The calling thread must outlive the box: the tree dies with it.
  virtual Result<std::unique_ptr<Box>> Start(const BoxSpec& spec) const = 0;
};

// "bubblewrap", "none"; nullptr for an unknown name.
const Driver* FindDriver(std::string_view name);
std::vector<std::string_view> DriverNames();

// Kills what an earlier process of ours may have left of a run whose supervisor is dead: everything
// that runs under `run_uid`, or else has VM0_RUN_ID=<run_id> in its environment and our uid. Gives
// how many there were. Removes its control group, too. Blocks until they are gone; kIo when some
// are not after 10 s.
Result<int> KillLeftovers(const std::string& run_id, std::optional<uid_t> run_uid);
// Kills and reaps whatever descends from us, under any name and in any session: what a launcher
// that was killed has left to us, its subreaper. For a process that has no other children. Gives
// how many there were. Blocks until they are gone; kIo when some are not after 10 s.
Result<int> KillOrphans();
// Whether anything runs under that uid.
bool HasProcesses(uid_t uid);

}  // namespace vm0::sandbox
