// SPDX-License-Identifier: Apache-2.0
#include "supervisor/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "os/fault.h"
#include "os/file.h"
#include "os/pinned_directory.h"
#include "sandbox/sandbox.h"
#include "supervisor/hand_over.h"
#include "supervisor/remote.h"
#include "supervisor/supervision.h"

namespace vm0::supervisor {
namespace {

enum ExitCode { kAcknowledged = 0, kBroken = 1, kDisowned = 3, kLocked = 4 };

ExitCode CodeOf(Supervision::End end) {
  switch (end) {
    case Supervision::End::kAcknowledged:
      return kAcknowledged;
    case Supervision::End::kDisowned:
      return kDisowned;
    case Supervision::End::kRefused:
      break;
  }
  return kBroken;
}

// A local server's socket stays in its data directory when that is moved, and is gone with it.
Status FollowSocket(Supervision::Setup& setup) {
  if (setup.server.kind != http::Endpoint::Kind::kUnix) return {};
  const std::filesystem::path socket = setup.server.host;
  VM0_ASSIGN(auto opened, os::PinnedDirectory::Open(socket.parent_path()));
  const auto directory = std::make_shared<const os::PinnedDirectory>(std::move(opened));
  setup.server.host = directory->path() / socket.filename();
  setup.server_may_return = [directory] { return !directory->is_deleted(); };
  return {};
}

Result<Supervision::Setup> ReadSetup(const RunDir& dir, const RunDir& files) {
  VM0_ASSIGN(StoredRun run, files.ReadSpec());
  VM0_ASSIGN(std::string token, files.ReadToken());
  VM0_ASSIGN(auto server, http::Endpoint::Parse(run.server));
  const char* path = ::getenv("PATH");
  Supervision::Setup setup{.dir = dir,
                           .files = files,
                           .run = std::move(run),
                           .token = std::move(token),
                           .server = std::move(server),
                           .search_path = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path};
  VM0_TRY(FollowSocket(setup));
  return setup;
}

// SIGTERM means cancel, each time.
void CancelOnSignal(asio::signal_set& signals, Supervision& supervision) {
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    supervision.Cancel();
    CancelOnSignal(signals, supervision);
  });
}

int Supervise(asio::io_context& loop, os::Clock& clock, Log& log, const RunDir& dir,
              std::optional<HandOver::Line> line) {
  const auto pinned = os::PinnedDirectory::Open(dir.path());
  if (!pinned) {
    log.Write(pinned.error().message);
    return kBroken;
  }
  const RunDir files(pinned->path());
  auto setup = ReadSetup(dir, files);
  if (!setup) {
    log.Write(setup.error().message);
    return kBroken;
  }
  if (line) {
    setup->hand_over = std::make_shared<HandOver>(loop.get_executor(), files, std::move(*line));
  }
  auto spool = Spool::Create(files.spool());
  if (!spool) {
    log.Write(spool.error().message);
    return kBroken;
  }
  Supervision supervision(loop, clock, log, std::move(*setup), std::move(*spool));
  asio::signal_set signals(loop, SIGTERM);
  CancelOnSignal(signals, supervision);
  int code = kBroken;
  asio::co_spawn(loop, supervision.Run(), [&](std::exception_ptr failure, Supervision::End end) {
    if (failure) std::rethrow_exception(failure);
    code = CodeOf(end);
    loop.stop();
  });
  loop.run();
  return code;
}

void PrepareProcess() {
  ::prctl(PR_SET_NAME, "vm0-supervise");
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is like a full disk
  ::umask(077);
  // What a launcher that was killed leaves behind becomes ours and not init's.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

// What a supervisor is told to do before it looks at the run, under the lock.
using Prepare = std::function<Status(const RunDir&)>;

int RunSupervisor(const RunDir& dir, const Prepare& prepare, std::optional<HandOver::Line> line) {
  auto loop = std::make_unique<asio::io_context>(1);
  auto clock = os::MakeClock(*loop, "supervisor");
  if (!clock) return kBroken;
  Log log(**clock, STDERR_FILENO);
  auto lock = os::FileLock::TryAcquire(dir.lock());
  if (!lock || !*lock) {
    log.Write(lock ? "somebody else holds the run's lock" : lock.error().message);
    return lock ? kLocked : kBroken;
  }
  (void)os::FaultFails("supervisor.locked");
  const std::string boot = os::BootId().value_or("unknown");
  (void)(*lock)->Describe("pid=" + std::to_string(::getpid()) + " boot=" + boot + "\n");
  if (const Status prepared = prepare(dir); !prepared) {
    log.Write(prepared.error().message);
    return kBroken;
  }
  return Supervise(*loop, **clock, log, dir, std::move(line));
}

// Standard input and output become the line, and the log what programs write to.
Result<HandOver::Line> TakeLine(const RunDir& dir) {
  HandOver::Line line{os::Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)),
                      os::Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3))};
  const auto path = dir.log();
  const os::Fd log(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  const os::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!log.is_open() || !null.is_open()) return Fail(SystemError("open", path.string()));
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(log.get(), STDOUT_FILENO);
  ::dup2(log.get(), STDERR_FILENO);
  return line;
}

}  // namespace

int SupervisorMain(const std::filesystem::path& run_dir) {
  PrepareProcess();
  return RunSupervisor(
      RunDir(run_dir), [](const RunDir&) { return Status(); }, std::nullopt);
}

int RemoteSupervisorMain(const std::filesystem::path& run_dir) {
  PrepareProcess();
  auto line = TakeLine(RunDir(run_dir));
  if (!line) return kBroken;
  return RunSupervisor(RunDir(run_dir), PrepareRemote, std::move(*line));
}

int PackMain(const std::filesystem::path& run_dir) {
  ::umask(077);
  const RunDir dir(run_dir);
  const auto lock = os::FileLock::TryAcquire(dir.lock());
  if (!lock) return kBroken;
  if (!*lock) return kLocked;
  const auto run = dir.ReadSpec();
  if (run) (void)sandbox::KillLeftovers(run->run_id, dir.ReadUid().value_or(std::nullopt));
  return PackWorkspace(dir, nullptr) ? kAcknowledged : kBroken;
}

}  // namespace vm0::supervisor
