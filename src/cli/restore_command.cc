// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "agent/limits.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/data_dir.h"
#include "cli/exit.h"
#include "cli/local_server.h"
#include "cli/parse_arguments.h"
#include "cli/restore.h"
#include "cli/server_info.h"
#include "cli/version.h"
#include "client/user_client.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

constexpr Millis kLockPause{20};

struct RestoreOptions {
  std::string file;
  std::optional<std::string> data_dir;
  bool check = false;
};

// Takes a data directory from the server that has it, if that one was started by a client: such a
// one makes room for who asks.
class TakeOver {
 public:
  TakeOver(asio::io_context& loop, os::Clock& clock, fs::path data_dir)
      : loop_(loop), clock_(clock), data_dir_(std::move(data_dir)) {}

  asio::awaitable<void> Run(std::optional<Result<os::FileLock>>& lock) {
    auto take = Take();
    lock.emplace(co_await std::move(take));
    loop_.stop();
  }

 private:
  asio::awaitable<Result<os::FileLock>> Take() {
    const MonoTime deadline = clock_.Now() + kServerPatience;
    std::string asked;
    for (;;) {
      VM0_CO_ASSIGN(auto lock, LockDataDir(data_dir_));
      if (lock) co_return std::move(*lock);
      const std::string holder = LockHolder(data_dir_);
      // What is there may be of another: of the one before, or of nobody while one starts.
      const auto info = ReadServerInfo(data_dir_);
      const bool is_holders = info && holder.starts_with("pid=" + std::to_string(info->pid) + " ");
      if ((is_holders && !info->on_demand) || clock_.Now() >= deadline) co_return Fail(Served());
      // A command may have started the next one meanwhile: that is asked, too.
      if (is_holders && holder != asked) {
        const Status answer = co_await AskForRoom();
        if (answer) asked = holder;
        if (!answer && answer.error().code != Code::kUnreachable) co_return Fail(answer.error());
      }
      co_await os::Sleep(clock_, kLockPause);
    }
  }
  Error Served() const {
    return {Code::kConflict, "a server uses " + data_dir_.string() + " (" + LockHolder(data_dir_) +
                                 "): stop it, restore, start it again. Runs go on meanwhile"};
  }
  asio::awaitable<Status> AskForRoom() {
    VM0_CO_ASSIGN(const std::string token, os::ReadFile(data_dir_ / "admin.token", 4096));
    VM0_CO_ASSIGN(const auto endpoint,
                  http::Endpoint::Parse("unix:" + (data_dir_ / "server.sock").string()));
    http::Client http(loop_, clock_, endpoint);
    client::UserClient api(http, std::string(TrimAscii(token)));
    const auto answer = co_await api.Handover(std::string(kVersion));
    if (!answer) co_return Fail(answer.error());
    co_return Status{};
  }

  asio::io_context& loop_;
  os::Clock& clock_;
  fs::path data_dir_;
};

Result<os::FileLock> LockForRestore(asio::io_context& loop, os::Clock& clock,
                                    const fs::path& data_dir) {
  TakeOver take_over(loop, clock, data_dir);
  std::optional<Result<os::FileLock>> lock;
  auto run = take_over.Run(lock);
  asio::co_spawn(loop, std::move(run), asio::detached);
  loop.run();
  return std::move(*lock);
}

std::string Describe(const store::BackupHeader& header) {
  return "of " + header.created_at + ", " + agent::FormatBytes(header.database_bytes);
}

void SayWhatIsKept(Output& output, const fs::path& data_dir, const std::string& kept_as) {
  const fs::path kept = data_dir / ("vm0.db." + kept_as);
  std::error_code ignored;
  if (fs::exists(kept, ignored))
    output.Say("  What was there is kept as " + kept.string() + "; remove it when you are content");
  output.SayDim("The next server on " + data_dir.string() + " has it. Runs that live go on");
}

Error Unchanged(Error error) {
  error.message += "; nothing was changed";
  return error;
}

std::string RunsOf(const store::DatabaseFacts& facts) {
  return std::to_string(facts.runs) + (facts.runs == 1 ? " run" : " runs");
}

Status Restore(Output& output, const RestoreOptions& options, const fs::path& data_dir) {
  VM0_ASSIGN(const store::BackupHeader header, CheckBackup(options.file));
  if (options.check) {
    output.SayPainted("✓ " + options.file + " is whole: " + Describe(header), term::Style::kGreen);
    return {};
  }
  VM0_TRY(PrepareDataDir(data_dir));
  asio::io_context loop;
  VM0_ASSIGN(const auto clock, os::MakeClock(loop, "cli"));
  VM0_ASSIGN(const os::FileLock lock, LockForRestore(loop, *clock, data_dir));
  VM0_TRY(FinishRestore(data_dir));
  VM0_TRY(CheckTarget(header, data_dir));
  const auto staged = StageBackup(options.file, data_dir, clock->WallNow());
  if (!staged) return Fail(Unchanged(staged.error()));
  VM0_TRY(CommitRestore(data_dir, *staged));
  if (const Status finished = FinishRestore(data_dir); !finished) {
    Error error = finished.error();
    error.message += "\n  The restore is begun, and is finished by the next server or restore";
    return Fail(std::move(error));
  }
  output.SayPainted(
      "✓ Restored " + options.file + " " + Describe(header) + ", " + RunsOf(staged->facts),
      term::Style::kGreen);
  SayWhatIsKept(output, data_dir, staged->kept_as);
  return {};
}

}  // namespace

int RestoreCommand(Context& context) {
  RestoreOptions options;
  ArgumentParser parser("restore", "Put a backup in the place of the database");
  parser.Positional("file", options.file, Need::kRequired, "What `vm0 backup` has made");
  parser.Text("--data-dir", options.data_dir, "DIR", "Whose database (default: VM0_DATA_DIR)");
  parser.Flag("--check", options.check, "Only look whether the backup is whole");
  if (const auto exit_code = ParseArguments(parser, "restore", context)) return *exit_code;
  const auto data_dir = DataDir(options.data_dir, context.environment);
  if (!data_dir) return ReportUsage(context.output, "restore", data_dir.error().message);
  ::umask(077);
  const Status restored = Restore(context.output, options, *data_dir);
  if (restored) return kExitOk;
  const std::string_view headline = options.check ? "No whole backup" : "Restore failed";
  return ReportError(context.output, headline, restored.error());
}

}  // namespace vm0::cli
