// SPDX-License-Identifier: Apache-2.0
#include "cli/local_server.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/json.h"
#include "base/text.h"
#include "cli/server_info.h"
#include "cli/version.h"
#include "client/user_client.h"
#include "os/file.h"
#include "os/process.h"

namespace vm0::cli {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kProbeTimeout{5};
constexpr Seconds kSuccessorPatience{3};
constexpr int kMostHandovers = 4;
constexpr Millis kFirstPause{10};
constexpr Millis kLastPause{160};
constexpr off_t kLogLimit = 4 << 20;
constexpr std::size_t kReadyLineLimit = 4096;

http::Endpoint SocketOf(const fs::path& data_dir) {
  http::Endpoint endpoint;
  endpoint.kind = http::Endpoint::Kind::kUnix;
  endpoint.host = (data_dir / "server.sock").string();
  return endpoint;
}

// For appending; begun anew when it has grown long.
Result<os::Fd> OpenLog(const fs::path& path) {
  os::Fd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log.is_open()) return Fail(SystemError("open", path.string()));
  struct stat status {};
  if (::fstat(log.get(), &status) == 0 && status.st_size > kLogLimit) {
    if (::ftruncate(log.get(), 0) != 0) return Fail(SystemError("truncate", path.string()));
  }
  return log;
}

Result<os::Child> SpawnServer(const fs::path& data_dir, const Environment& environment, int self_fd,
                              int ready_fd) {
  VM0_TRY(os::MakeDirs(data_dir));
  VM0_ASSIGN(const os::Fd log, OpenLog(data_dir / "server.log"));
  os::SpawnOptions options;
  options.executable = "/proc/self/fd/" + std::to_string(self_fd);
  options.argv = {"vm0", "serve",      "--on-demand",    "--ready-fd",
                  "3",   "--data-dir", data_dir.string()};
  options.environment = ServerEnvironment(environment);
  options.descriptors = {{2, log.get()}, {3, ready_fd}};
  options.new_session = true;
  return os::Spawn(options);
}

// The line that the server writes when it is ready or has failed; empty when it died before.
asio::awaitable<Result<std::string>> ReadLine(asio::io_context& loop, os::Clock& clock, os::Fd pipe,
                                              MonoTime deadline) {
  asio::posix::stream_descriptor reader(loop, pipe.Release());
  const auto timer = clock.At(deadline, [&reader] { reader.cancel(); });
  std::string line;
  auto buffer = asio::dynamic_buffer(line, kReadyLineLimit);
  boost::system::error_code error;
  co_await asio::async_read_until(reader, buffer, '\n',
                                  asio::redirect_error(asio::use_awaitable, error));
  const bool in_time = clock.Cancel(timer);
  if (error && !in_time)
    co_return Fail(Code::kDeadline,
                   "The local server did not get ready in " + FormatDuration(kServerPatience));
  co_return std::string(TrimAscii(line));
}

}  // namespace

std::map<std::string, std::string> ServerEnvironment(const Environment& ours) {
  std::map<std::string, std::string> environment;
  std::vector<std::string> names = {"HOME", "PATH", "LANG", "TMPDIR"};
#ifdef VM0_TEST_HOOKS
  names.insert(names.end(), {"VM0_TEST_CLOCK", "VM0_FAULT", "VM0_FAULT_ONCE_FILE", "VM0_FAULT_FILE",
                             "VM0_TEST_POWER", "VM0_TEST_BOOT_ID"});
#endif
  for (const auto& name : names)
    if (auto value = ours.Find(name)) environment.emplace(name, std::move(*value));
  return environment;
}

LocalServer::LocalServer(Parts parts, fs::path data_dir)
    : parts_(parts),
      data_dir_(std::move(data_dir)),
      http_(parts.loop, parts.clock, SocketOf(data_dir_)) {}

asio::awaitable<Result<std::string>> LocalServer::Probe() {
  http::Request request;
  request.target = "/healthz";
  auto response = co_await http_.Send(request, kProbeTimeout);
  if (!response) co_return Fail(std::move(response).error());
  if (response->status != 200) co_return Fail(client::ErrorOf(*response));
  const auto body = ParseJsonObject(response->body, "healthz");
  if (!body) co_return Fail(body.error());
  const auto info = ReadServerInfo(data_dir_);
  is_on_demand_ = info && info->on_demand;
  co_return std::string(StringMember(*body, "version").value_or(""));
}

asio::awaitable<Status> LocalServer::Ensure() {
  const MonoTime deadline = parts_.clock.Now() + kServerPatience;
  for (;;) {
    auto version = co_await Probe();
    if (version) co_return Status{};
    if (version.error().code != Code::kUnreachable) co_return Fail(version.error());
    if (parts_.clock.Now() >= deadline) break;
    auto started = co_await StartOne(deadline);
    if (!started) co_return Fail(started.error());
    if (*started == Start::kReady) continue;
    if (co_await WaitForOther(deadline)) co_return Status{};
  }
  co_return Fail(Code::kDeadline, "Something holds " + (data_dir_ / "lock").string() +
                                      " but does not answer on " +
                                      (data_dir_ / "server.sock").string() + "; see " +
                                      (data_dir_ / "server.log").string());
}

asio::awaitable<Status> LocalServer::EnsureCurrent() {
  // More than once: an older client may start a server of its own as soon as there is room.
  for (int round = 0; round < kMostHandovers; ++round) {
    auto version = co_await Probe();
    if (!version && version.error().code != Code::kUnreachable) co_return Fail(version.error());
    if (!version) {
      VM0_CO_TRY(co_await Ensure());
      continue;
    }
    if (!is_on_demand_ || !IsNewerVersion(kVersion, *version)) co_return Status{};
    std::string older = std::move(*version);
    VM0_CO_TRY(co_await MakeRoom(std::move(older)));
  }
  co_return Status{};  // an older server serves, too
}

asio::awaitable<Status> LocalServer::EnsureAgain() {
  const MonoTime deadline = parts_.clock.Now() + kSuccessorPatience;
  while (!fs::exists(data_dir_ / "server.sock") && parts_.clock.Now() < deadline) {
    co_await os::Sleep(parts_.clock, kFirstPause);
  }
  co_return co_await Ensure();
}

asio::awaitable<Result<LocalServer::Start>> LocalServer::StartOne(MonoTime deadline) {
  auto pipe = os::MakePipe();
  if (!pipe) co_return Fail(pipe.error());
  auto child = SpawnServer(data_dir_, parts_.environment, parts_.self_fd, pipe->write.get());
  if (!child) co_return Fail(child.error());
  pipe->write.Close();
  auto read_end = std::move(pipe->read);
  auto line = co_await ReadLine(parts_.loop, parts_.clock, std::move(read_end), deadline);
  if (!line) co_return Fail(line.error());
  if (line->starts_with("ready")) {
    parts_.output.SayDim("Started a local server (pid " + std::to_string(child->pid) + ")");
    co_return Start::kReady;
  }
  if (*line == "error locked") co_return Start::kLocked;
  if (line->starts_with("error ")) co_return Fail(Code::kUnavailable, line->substr(6));
  co_return Fail(Code::kUnavailable, "The local server died before it was ready; see " +
                                         (data_dir_ / "server.log").string());
}

asio::awaitable<bool> LocalServer::WaitForOther(MonoTime deadline) {
  for (Micros pause = kFirstPause; pause <= kLastPause; pause *= 2) {
    if (parts_.clock.Now() >= deadline) co_return false;
    co_await os::Sleep(parts_.clock, pause);
    auto version = co_await Probe();
    if (version) co_return true;
  }
  co_return false;
}

asio::awaitable<Status> LocalServer::MakeRoom(std::string version) {
  auto token = os::ReadFile(data_dir_ / "admin.token", 4096);
  if (!token) co_return Fail(token.error());
  client::UserClient api(http_, std::string(TrimAscii(*token)));
  const std::string ours(kVersion);
  auto answer = co_await api.Handover(ours);
  // A server that refuses still serves.
  if (!answer) co_return Status{};
  parts_.output.SayDim("The local server is vm0 " + version + ": replacing it by " + ours +
                       ", runs go on");
  // It removes its socket first of all.
  const MonoTime deadline = parts_.clock.Now() + kServerPatience;
  while (fs::exists(data_dir_ / "server.sock") && parts_.clock.Now() < deadline)
    co_await os::Sleep(parts_.clock, kFirstPause);
  http_.Close();
  co_return co_await Ensure();
}

}  // namespace vm0::cli
