// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>
#include <utility>

#include "agent/limits.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/interrupts.h"
#include "cli/parse_arguments.h"
#include "os/disk.h"
#include "os/fault.h"
#include "os/file.h"
#include "store/backup.h"
#include "store/secret_box.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

struct BackupOptions {
  std::string file;
  bool force = false;
};

bool Exists(const fs::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Error AlreadyThere(const std::string& file) {
  return {Code::kConflict, file + " is there already: choose another name, or say --force"};
}

// A file that has its name only when all of it is durable; until then one beside it, which goes
// with this. Mode 0600.
class NewFile {
 public:
  static Result<std::unique_ptr<NewFile>> Make(const fs::path& path) {
    fs::path temporary = path;
    temporary += "." + store::NewToken("").substr(0, 8) + ".tmp";
    VM0_ASSIGN(auto fd, os::OpenForWriting(temporary, O_CREAT | O_EXCL));
    return std::unique_ptr<NewFile>(new NewFile(path, std::move(temporary), std::move(fd)));
  }
  ~NewFile() {
    if (!is_kept_) (void)os::Remove(temporary_);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Status Write(std::string_view bytes) {
    const Status written = os::FaultFails("backup.write") ? Fail(SystemErrorOf(ENOSPC, "write"))
                                                          : os::WriteAt(fd_.get(), bytes, size_);
    if (!written)
      return Fail(Code::kIo, path_.native() + ": " + written.error().message +
                                 "; free some space on its disk");
    size_ += static_cast<std::int64_t>(bytes.size());
    return {};
  }
  Status Keep() {
    VM0_TRY(os::Sync(fd_.get(), temporary_));
    VM0_TRY(os::Rename(temporary_, path_));
    is_kept_ = true;
    return os::SyncDirectory(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
  }
  std::int64_t size() const { return size_; }

 private:
  NewFile(fs::path path, fs::path temporary, os::Fd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  fs::path path_;
  fs::path temporary_;
  os::Fd fd_;
  std::int64_t size_ = 0;
  bool is_kept_ = false;
};

// What the server sent is not what it meant to.
Error NotWhole(const Error& error) {
  return {Code::kUnreachable, "the backup did not come whole: " + error.message};
}

asio::awaitable<Result<std::int64_t>> Fetch(Session& session, NewFile& file) {
  auto stream = co_await session.connection().api().OpenBackup();
  if (!stream) co_return Fail(std::move(stream).error());
  store::BackupCheck check;
  for (;;) {
    const auto bytes = co_await (*stream)->Read();
    if (!bytes) co_return Fail(NotWhole(bytes.error()));
    if (bytes->empty()) break;
    if (const auto taken = check.Take(*bytes); !taken) co_return Fail(NotWhole(taken.error()));
    VM0_CO_TRY(file.Write(*bytes));
  }
  if (const Status whole = check.Finish(); !whole) co_return Fail(NotWhole(whole.error()));
  co_return file.size();
}

// What a signal may find.
struct Unfinished {
  explicit Unfinished(asio::io_context& loop) : interrupts(loop, {SIGINT, SIGTERM, SIGHUP}) {}
  Interrupts interrupts;
  std::unique_ptr<NewFile> file;
};

asio::awaitable<void> LeaveOnSignal(Session& session, std::shared_ptr<Unfinished> unfinished) {
  const int signal = co_await unfinished->interrupts.Next();
  unfinished->file.reset();
  session.Leave(128 + signal);
}

asio::awaitable<int> Backup(Session& session, BackupOptions options) {
  Output& output = session.output();
  constexpr std::string_view kFailed = "Backup failed";
  // The signals first: none may come between the file and those who remove it.
  auto unfinished = std::make_shared<Unfinished>(session.loop());
  auto made = NewFile::Make(options.file);
  if (!made) co_return ReportError(output, kFailed, made.error());
  unfinished->file = std::move(*made);
  asio::co_spawn(session.loop(), LeaveOnSignal(session, unfinished), asio::detached);
  const auto size = co_await Fetch(session, *unfinished->file);
  Status kept = size ? Status() : Fail(size.error());
  if (kept && !options.force && Exists(options.file)) kept = Fail(AlreadyThere(options.file));
  if (kept) kept = unfinished->file->Keep();
  unfinished->file.reset();
  if (!kept) co_return ReportError(output, kFailed, kept.error());
  output.SayPainted("✓ Backed up to " + options.file + ", " + agent::FormatBytes(*size),
                    term::Style::kGreen);
  output.SayDim("It holds the key of the secrets: keep it as safe as the data directory");
  co_return kExitOk;
}

}  // namespace

int BackupCommand(Context& context) {
  BackupOptions options;
  ArgumentParser parser("backup", "Copy the server's database to a file, while it serves");
  parser.Positional("file", options.file, Need::kRequired, "The file to be made");
  parser.Flag("--force", options.force, "Replace the file if it is there");
  if (const auto exit_code = ParseArguments(parser, "backup", context)) return *exit_code;
  if (!options.force && Exists(options.file))
    return ReportError(context.output, "Backup failed", AlreadyThere(options.file));
  return Session::Run(context, [&options](Session& session) { return Backup(session, options); });
}

}  // namespace vm0::cli
