// SPDX-License-Identifier: Apache-2.0
#include "cli/data_dir.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/id.h"
#include "base/text.h"
#include "cli/version.h"
#include "store/secret_box.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmallFile = 4096;
constexpr std::string_view kAdminUser = "local";

// The file's only line; empty when there is no file.
Result<std::string> ReadLine(const fs::path& path) {
  auto text = os::ReadFile(path, kSmallFile);
  if (!text && text.error().code == Code::kNotFound) return std::string();
  if (!text) return Fail(std::move(text).error());
  return std::string(TrimAscii(*text));
}

asio::awaitable<Status> EnsureAdminRow(store::Database& database, std::string token, WallTime now) {
  store::Token row;
  row.id = TokenId::New(now);
  row.kind = store::Token::Kind::kAdmin;
  row.hash = store::HashToken(token);
  row.user_id = kAdminUser;
  row.name = "admin.token";
  row.host_scope = true;
  row.created_at = now;
  const std::function<Result<bool>(store::Stores&)> insert =
      [row](store::Stores& stores) -> Result<bool> {
    VM0_ASSIGN(const auto known, stores.runs.FindToken(row.hash));
    if (!known) {
      VM0_TRY(stores.runs.InsertToken(row));
    }
    return true;
  };
  const auto inserted = co_await database.Write<bool>(insert);
  if (!inserted) co_return Fail(inserted.error());
  co_return Status{};
}

// A server that is killed while it starts a process leaves its lock to that one, until its exec:
// moments, but a successor may be quicker.
constexpr int kHeirTries = 400;
constexpr int kHeirPauseMs = 5;

bool HolderIsDead(const fs::path& data_dir) {
  const std::string holder = LockHolder(data_dir);
  const std::string_view first = std::string_view(holder).substr(0, holder.find(' '));
  const auto pid = first.starts_with("pid=") ? ParseInt(first.substr(4)) : std::nullopt;
  return pid && *pid > 1 && ::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH;
}

// A predecessor may have been killed after it made the directory, or those above, and before their
// names were durable.
Status SyncNamesOf(const fs::path& data_dir) {
  std::error_code error;
  fs::path made = fs::canonical(data_dir, error);
  if (error) return Fail(SystemErrorOf(error.value(), "open", data_dir.string()));
  struct stat status {};
  while (made.has_relative_path() && ::stat(made.c_str(), &status) == 0 &&
         status.st_uid == ::geteuid()) {
    made = made.parent_path();
    VM0_TRY(os::SyncDirectory(made));
  }
  return {};
}

}  // namespace

Status PrepareDataDir(const fs::path& data_dir) {
  VM0_TRY(os::MakeDirs(data_dir));
  struct stat status {};
  if (::stat(data_dir.c_str(), &status) != 0) return Fail(SystemError("stat", data_dir.string()));
  if (!S_ISDIR(status.st_mode)) return Fail(Code::kIo, data_dir.string() + " is no directory");
  if (status.st_uid != ::geteuid())
    return Fail(Code::kIo, data_dir.string() + " belongs to uid " + std::to_string(status.st_uid) +
                               ": start the server as that user, or use another --data-dir");
  if ((status.st_mode & 077) != 0 && ::chmod(data_dir.c_str(), 0700) != 0)
    return Fail(SystemError("chmod 0700", data_dir.string()));
  return SyncNamesOf(data_dir);
}

Result<std::optional<os::FileLock>> LockDataDir(const fs::path& data_dir) {
  VM0_ASSIGN(auto lock, os::FileLock::TryAcquire(data_dir / "lock"));
  for (int tries = 0; !lock && tries < kHeirTries && HolderIsDead(data_dir); ++tries) {
    ::poll(nullptr, 0, kHeirPauseMs);
    VM0_ASSIGN(lock, os::FileLock::TryAcquire(data_dir / "lock"));
  }
  if (lock) {
    VM0_TRY(lock->Describe("pid=" + std::to_string(::getpid()) + " vm0=" + std::string(kVersion) +
                           "\n"));
  }
  return lock;
}

std::string LockHolder(const fs::path& data_dir) {
  const auto holder = ReadLine(data_dir / "lock");
  return holder && !holder->empty() ? *holder : "unknown";
}

asio::awaitable<Result<std::string>> LoadAdminToken(fs::path data_dir, store::Database& database,
                                                    WallTime now) {
  const auto path = data_dir / "admin.token";
  VM0_CO_ASSIGN(auto token, ReadLine(path));
  const bool is_new = token.empty();
  if (is_new) token = store::NewToken("vm0_live_");
  // The row first: a token that is in the file only would lock its user out.
  auto stored = co_await EnsureAdminRow(database, token, now);
  if (!stored) co_return Fail(stored.error());
  if (is_new) {
    VM0_CO_TRY(os::WriteFileAtomic(path, token + "\n"));
  }
  co_return token;
}

Result<std::string> LoadMetricsToken(const fs::path& data_dir) {
  const auto path = data_dir / "metrics.token";
  VM0_ASSIGN(auto token, ReadLine(path));
  if (!token.empty()) return token;
  token = store::NewToken("vm0_metrics_");
  VM0_TRY(os::WriteFileAtomic(path, token + "\n"));
  return token;
}

Result<std::string> LoadMachineId(const fs::path& data_dir, WallTime now) {
  const auto path = data_dir / "machine-id";
  VM0_ASSIGN(auto id, ReadLine(path));
  if (!id.empty()) return id;
  id = Uuid::NewV7(now).ToString();
  VM0_TRY(os::WriteFileAtomic(path, id + "\n"));
  return id;
}

std::uint16_t LoadPort(const fs::path& data_dir) {
  const auto text = ReadLine(data_dir / "port");
  const auto port = text ? ParseInt(*text) : std::nullopt;
  return port && *port > 0 && *port < 65536 ? static_cast<std::uint16_t>(*port) : 0;
}

Status SavePort(const fs::path& data_dir, std::uint16_t port) {
  return os::WriteFileAtomic(data_dir / "port", std::to_string(port) + "\n");
}

}  // namespace vm0::cli
