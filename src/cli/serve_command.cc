// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/data_dir.h"
#include "cli/exit.h"
#include "cli/interrupts.h"
#include "cli/parse_arguments.h"
#include "cli/run_options.h"
#include "cli/server_log.h"
#include "cli/server_process.h"
#include "cli/version.h"
#include "e2b/account.h"
#include "os/process.h"

namespace vm0::cli {
namespace {

constexpr std::string_view kDefaultListen = "127.0.0.1:8400";
constexpr std::size_t kMemoryPerRun = 256 << 20;  // an agent's own, seldom more
constexpr std::size_t kLeastConcurrency = 4;
// To the client that started us: another server has the lock.
const std::string kLocked = "locked";
constexpr int kExitServer = static_cast<int>(ExitCode::kServer);

struct ServeArguments {
  std::optional<std::string> listen;
  std::optional<std::string> data_dir;
  std::optional<std::string> store;
  std::optional<std::string> public_url;
  bool allow_unsandboxed = false;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::optional<std::int64_t> max_concurrent;
  std::optional<std::int64_t> max_concurrent_per_user;
  std::optional<std::int64_t> max_unfinished_per_user;
  bool on_demand = false;
  std::optional<std::int64_t> ready_fd;

  void Declare(ArgumentParser& parser) {
    parser.Text("--listen", listen, "ADDR", "Address and port (default 127.0.0.1:8400)");
    parser.Text("--data-dir", data_dir, "DIR", "Where everything is kept (default: VM0_DATA_DIR)");
    parser.Text("--store", store, "URL", "sqlite:PATH (default: vm0.db in the data directory)");
    parser.Text("--public-url", public_url, "URL", "How others reach this server");
    parser.Flag("--allow-unsandboxed", allow_unsandboxed,
                "Let runs ask for --sandbox none: their agents can do all that this user can");
    parser.List("--allow", allow, "RULE",
                "A host that every run may reach on top of its own list, as example.com:443");
    parser.List("--deny", deny, "RULE", "A host that no run may reach, whatever it is allowed");
    parser.Number("--max-concurrent", max_concurrent, 1, "N",
                  "Runs at once on this machine; others wait (default: one per 256 MiB of memory)");
    parser.Number("--max-concurrent-per-user", max_concurrent_per_user, 1, "N",
                  "Runs at once of one user; his others wait (default: no limit)");
    parser.Number("--max-unfinished-per-user", max_unfinished_per_user, 1, "N",
                  "Runs of one user, waiting ones too; more are refused (default 10000)");
    parser.Flag("--on-demand", on_demand,
                "For clients that start their own server: exit when idle");
    parser.Number("--ready-fd", ready_fd, 3, "FD", "Where to write \"ready <url>\"");
  }
  Result<ServerOptions> Read(const Environment& environment) const;
};

Result<std::string> DatabasePath(const std::optional<std::string>& store,
                                 const std::filesystem::path& data_dir) {
  if (!store) return (data_dir / "vm0.db").string();
  if (store->starts_with("postgresql:") || store->starts_with("postgres:"))
    return Fail(Code::kBadRequest, "--store: PostgreSQL is not in this version; use sqlite:PATH");
  std::string path = store->starts_with("sqlite:") ? store->substr(7) : *store;
  if (path.empty() || path.find("://") != std::string::npos)
    return Fail(Code::kBadRequest, "--store must be sqlite:PATH, not \"" + *store + "\"");
  return std::filesystem::absolute(path).lexically_normal().string();
}

Result<std::string> PublicHost(const std::optional<std::string>& url) {
  if (!url) return std::string();
  const auto endpoint = http::Endpoint::Parse(*url);
  if (!endpoint) return Fail(Code::kBadRequest, "--public-url: " + endpoint.error().message);
  if (endpoint->kind == http::Endpoint::Kind::kUnix)
    return Fail(Code::kBadRequest, "--public-url must begin with http:// or https://");
  return endpoint->host;
}

// What a server needs for sandboxes at E2B.
Result<runner::Cloud> FindCloud(const std::optional<std::string>& public_url,
                                const Environment& environment) {
  const auto find = [&environment](const std::string& name) {
    return environment.FindNonEmpty(name);
  };
  VM0_ASSIGN(auto account, e2b::FindAccount(find));
  if (!account || !public_url)
    return Fail(Code::kSandboxUnavailable,
                "sandbox e2b needs a server with a key of E2B that sandboxes can reach: "
                "E2B_API_KEY=… vm0 serve --public-url https://…");
  runner::Cloud cloud{.account = *std::move(account), .server_url = *public_url};
  cloud.default_template = find("E2B_TEMPLATE_NAME").value_or(cloud.default_template);
  return cloud;
}

// One for each kMemoryPerRun, so that a full queue does not bring the machine down.
std::size_t DefaultConcurrency() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_size <= 0) return kLeastConcurrency;
  const auto memory = static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_size);
  return std::max(kLeastConcurrency, memory / kMemoryPerRun);
}

Result<ServerOptions> ServeArguments::Read(const Environment& environment) const {
  ServerOptions options;
  VM0_ASSIGN(options.data_dir, DataDir(data_dir, environment));
  VM0_ASSIGN(options.database, DatabasePath(store, options.data_dir));
  VM0_ASSIGN(options.public_host, PublicHost(public_url));
  options.cloud = FindCloud(public_url, environment);
  if (!options.cloud && options.cloud.error().code == Code::kBadRequest)
    return Fail(options.cloud.error());
  options.listen = listen.value_or(std::string(kDefaultListen));
  if (options.listen.find(':') == std::string::npos)
    return Fail(Code::kBadRequest, "--listen must be ADDRESS:PORT, not \"" + options.listen + "\"");
  if (on_demand) {
    options.started_by = StartedBy::kClient;
    options.unsandboxed = api::Unsandboxed::kWhenAsked;
  }
  VM0_ASSIGN(options.allow, Rules("--allow", allow));
  VM0_ASSIGN(options.deny, Rules("--deny", deny));
  options.max_concurrent =
      max_concurrent ? static_cast<std::size_t>(*max_concurrent) : DefaultConcurrency();
  options.queue_limits.running_per_user = max_concurrent_per_user;
  if (max_unfinished_per_user) options.queue_limits.unfinished_per_user = *max_unfinished_per_user;
  if (allow_unsandboxed) options.unsandboxed = api::Unsandboxed::kAllowed;
  return options;
}

// Who started us learns from it how that went; it is written once.
class ReadyPipe {
 public:
  explicit ReadyPipe(std::optional<std::int64_t> fd) {
    if (!fd || ::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC) != 0) return;
    fd_ = os::Fd(static_cast<int>(*fd));
  }
  // "ready <url>" or "error <text>".
  void Say(std::string line) {
    if (!fd_.is_open()) return;
    std::ranges::replace(line, '\n', ' ');
    (void)os::WriteAll(fd_.get(), line + "\n");
    fd_.Close();
  }

 private:
  os::Fd fd_;
};

// A running `vm0 serve`.
class Serving {
 public:
  Serving(Output& output, ReadyPipe& ready) : output_(output), ready_(ready) {}

  int Run(ServerOptions options);

 private:
  // Gives the lock that Start needs.
  Result<os::FileLock> Prepare(const ServerOptions& options);
  asio::awaitable<void> Serve(ServerOptions options, os::FileLock lock);
  int ReportFailure(const Error& error);

  Output& output_;
  ReadyPipe& ready_;
  asio::io_context loop_;
  std::unique_ptr<os::Clock> clock_;
  std::unique_ptr<ServerProcess> server_;
  int exit_code_ = kExitOk;
};

Result<os::FileLock> Serving::Prepare(const ServerOptions& options) {
  VM0_ASSIGN(clock_, os::MakeClock(loop_, "server"));
  VM0_TRY(PrepareDataDir(options.data_dir));
  VM0_ASSIGN(auto lock, LockDataDir(options.data_dir));
  if (lock) return std::move(*lock);
  if (options.started_by == StartedBy::kClient) return Fail(Code::kConflict, kLocked);
  return Fail(Code::kConflict, options.data_dir.string() + " is served already (" +
                                   LockHolder(options.data_dir) +
                                   "): stop that server, or use another --data-dir");
}

int Serving::Run(ServerOptions options) {
  auto self = os::OpenSelf();
  if (!self) return ReportFailure(self.error());
  options.self_fd = self->get();
  auto lock = Prepare(options);
  if (!lock) return ReportFailure(lock.error());
  auto serve = Serve(std::move(options), std::move(*lock));
  asio::co_spawn(loop_, std::move(serve), asio::detached);
  loop_.run();
  return exit_code_;
}

int Serving::ReportFailure(const Error& error) {
  // Several clients that start a server at once are no failure.
  if (error.message != kLocked) output_.SayFailure("Can't start the server", error.message);
  ready_.Say("error " + error.message);
  return kExitServer;
}

asio::awaitable<void> Serving::Serve(ServerOptions options, os::FileLock lock) {
  Interrupts interrupts(loop_, {SIGTERM, SIGINT, SIGHUP});
  const std::string data_dir = options.data_dir.string();
  std::function<void()> stopped = [this] {
    ServerLog(*clock_, "stopped");
    if (server_->has_lost_data_dir()) exit_code_ = kExitServer;
    loop_.stop();
  };
  auto server = co_await ServerProcess::Start(loop_, *clock_, std::move(options), std::move(lock),
                                              std::move(stopped));
  if (!server) {
    exit_code_ = ReportFailure(server.error());
    loop_.stop();
    co_return;
  }
  server_ = std::move(*server);
  ServerLog(*clock_, "vm0 " + std::string(kVersion) + " serves " + server_->info().url +
                         ", data in " + data_dir);
  ready_.Say("ready " + server_->info().url);
  const int signal = co_await interrupts.Next();
  server_->Stop(::strsignal(signal));
  // The second one does not wait for requests: all that was acknowledged is stored already.
  const int again = co_await interrupts.Next();
  std::_Exit(128 + again);
}

}  // namespace

int ServeCommand(Context& context) {
  ServeArguments arguments;
  ArgumentParser parser("serve", "Be the server: API, store, and runner of this machine");
  arguments.Declare(parser);
  if (const auto exit_code = ParseArguments(parser, "serve", context)) return *exit_code;
  auto options = arguments.Read(context.environment);
  if (!options) return ReportUsage(context.output, "serve", options.error().message);
  ::umask(077);
  ReadyPipe ready(arguments.ready_fd);
  return Serving(context.output, ready).Run(std::move(*options));
}

}  // namespace vm0::cli
