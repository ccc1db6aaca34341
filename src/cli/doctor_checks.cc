// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor_checks.h"

#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <string_view>
#include <utility>

#include "agent/adapter.h"
#include "agent/limits.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/data_dir.h"
#include "cli/program_output.h"
#include "cli/server_info.h"
#include "e2b/control_plane.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/process.h"
#include "os/unix_address.h"
#include "sandbox/sandbox.h"
#include "store/database.h"
#include "supervisor/held_limits.h"

namespace vm0::cli {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Kind = Finding::Kind;
using Findings = std::vector<Finding>;

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr Millis kVersionPatience{10'000};

// False when nothing that needs the directory can be checked.
bool CheckDataDir(const fs::path& data_dir, Findings& findings) {
  const Status prepared = PrepareDataDir(data_dir);
  if (prepared)
    findings.push_back({Kind::kGood, "Data directory " + data_dir.string()});
  else
    findings.push_back({Kind::kBad, "Data directory: " + prepared.error().message});
  return prepared.has_value();
}

void CheckDisk(const fs::path& data_dir, Findings& findings) {
  struct statvfs status {};
  if (::statvfs(data_dir.c_str(), &status) != 0) {
    findings.push_back({Kind::kBad, "Disk: " + SystemError("statvfs", data_dir.string()).message});
    return;
  }
  const std::uint64_t free = std::uint64_t{status.f_bavail} * status.f_frsize / kMegabyte;
  const Kind kind = free < 100 ? Kind::kBad : free < 1024 ? Kind::kNote : Kind::kGood;
  findings.push_back({kind, "Disk: " + std::to_string(free) + " MB free"});
}

// Whether there is a database that is none: SQLite files begin with these 16 bytes.
bool IsBrokenDatabase(const fs::path& path) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  std::string head(kMagic.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file || file.peek() == std::ifstream::traits_type::eof()) return false;
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head != kMagic;
}

// A store of its own beside the real one: the same file system, and nobody is disturbed.
void CheckStore(const fs::path& data_dir, Findings& findings) {
  const fs::path directory = data_dir / ("doctor-" + std::to_string(::getpid()));
  Status made = os::MakeDirs(directory);
  if (made) {
    boost::asio::io_context loop;
    const auto database = store::OpenSqlite((directory / "probe.db").string(), loop.get_executor());
    if (!database) made = Fail(database.error());
  }
  std::error_code ignored;
  fs::remove_all(directory, ignored);
  if (made && IsBrokenDatabase(data_dir / "vm0.db"))
    made = Fail(Code::kIo, (data_dir / "vm0.db").string() + " is no database: move it away");
  if (made)
    findings.push_back({Kind::kGood, "Store: SQLite and file locks work there"});
  else
    findings.push_back({Kind::kBad, "Store: " + made.error().message});
}

bool Answers(const fs::path& socket_path) {
  const auto address = os::MakeUnixAddress(socket_path);
  if (!address) return false;
  const os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return socket.is_open() && ::connect(socket.get(), address->data(), address->size()) == 0;
}

void CheckServer(const fs::path& data_dir, const Environment& environment, Findings& findings) {
  if (const auto url = environment.FindNonEmpty("VM0_API_URL"))
    findings.push_back({Kind::kNote, "Server: commands talk to " + *url + " (VM0_API_URL)"});
  if (!Answers(data_dir / "server.sock")) {
    findings.push_back(
        {Kind::kGood, "Server: none runs here; commands start one when they need it"});
    return;
  }
  const auto info = ReadServerInfo(data_dir);
  findings.push_back({Kind::kGood, info ? "Server: vm0 " + info->version + " at " + info->url +
                                              " (pid " + std::to_string(info->pid) + ")"
                                        : "Server: one answers here"});
}

// What runs in that sandbox do without here.
void CheckStrength(const sandbox::Driver& driver, Findings& findings) {
  const std::string label = "Sandbox " + std::string(driver.name()) + ": ";
  for (const std::string& layer : driver.MissingLayers())
    findings.push_back({Kind::kNote, label + "without " + layer});
  const auto unheld = agent::UnheldDefaults({}, supervisor::EnforceableBy(driver));
  if (!unheld.empty())
    findings.push_back({Kind::kNote, label + "holds no limit of " + Join(unheld, ", ") +
                                         " here: no control group is delegated to this user "
                                         "(systemd: Delegate=yes)"});
}

void CheckSandboxes(Findings& findings) {
  bool isolates = false;
  for (const std::string_view name : sandbox::DriverNames()) {
    const bool is_none = name == "none";
    const std::string label = "Sandbox " + std::string(name) + ": ";
    const Status usable = sandbox::FindDriver(name)->Preflight();
    isolates = isolates || (usable && !is_none);
    if (!usable)
      findings.push_back({is_none ? Kind::kBad : Kind::kNoSandbox, label + usable.error().message});
    else if (is_none)
      findings.push_back({Kind::kGood, label + "works (no isolation)"});
    else
      findings.push_back({Kind::kGood, label + "works"});
    if (usable && !is_none) CheckStrength(*sandbox::FindDriver(name), findings);
  }
  if (!isolates)
    findings.push_back({Kind::kNote, "Nothing here isolates agents: runs need --sandbox none"});
}

// Asks E2B for our sandboxes, of which there are none under this name.
asio::awaitable<Status> AskCloud(asio::io_context& loop, os::Clock& clock, e2b::Account account) {
  e2b::ControlPlane control(loop, clock, account);
  e2b::Metadata nobody = {{"vm0Machine", "doctor"}};
  const auto listed = co_await control.List(std::move(nobody));
  co_return listed ? Status() : Status(Fail(listed.error()));
}

void CheckCloud(const Environment& environment, Findings& findings) {
  const auto account = e2b::FindAccount(
      [&environment](const std::string& name) { return environment.FindNonEmpty(name); });
  if (!account) {
    findings.push_back({Kind::kBad, "Sandbox e2b: " + account.error().message});
    return;
  }
  if (!*account) return;  // it is for those who want it
  asio::io_context loop;
  const auto clock = os::MakeRealClock(loop);
  Status answered;
  auto ask = AskCloud(loop, *clock, **account);
  asio::co_spawn(loop, std::move(ask), [&](std::exception_ptr, Status status) {
    answered = std::move(status);
    loop.stop();
  });
  loop.run();
  const std::string where = (*account)->api.ToString();
  if (answered)
    findings.push_back({Kind::kGood, "Sandbox e2b: " + where + " takes the API key"});
  else
    findings.push_back({Kind::kNoSandbox, "Sandbox e2b: " + answered.error().message});
}

void CheckAgent(const agent::Adapter& adapter, const Environment& environment, Findings& findings) {
  const std::string program(adapter.program());
  const std::string label = std::string(adapter.display_name()) + ": ";
  const auto path = os::FindProgram(program, environment.FindNonEmpty("PATH").value_or(""));
  if (!path) {
    findings.push_back({Kind::kNote, label + "not installed (no `" + program + "` on PATH)"});
    return;
  }
  const std::string absolute = fs::absolute(*path).string();
  const auto version = FirstLineOf(absolute, {"--version"}, environment.all(), kVersionPatience);
  if (version)
    findings.push_back(
        {Kind::kGood, label + (version->empty() ? "version unknown" : *version) + ", " + absolute});
  else
    findings.push_back({Kind::kBad, label + version.error().message});
}

void CheckCredentials(const agent::Adapter& adapter, const Environment& environment,
                      Findings& findings) {
  std::vector<std::string> names;
  for (const std::string_view variable : adapter.credential_variables())
    if (environment.FindNonEmpty(std::string(variable))) names.emplace_back(variable);
  const std::string label = std::string(adapter.display_name()) + " credentials: ";
  if (adapter.HasCredential(names))
    findings.push_back({Kind::kGood, label + Join(names, ", ")});
  else
    findings.push_back({Kind::kNote, label + "none. " + std::string(adapter.credential_remedy())});
}

}  // namespace

std::vector<Finding> Diagnose(const fs::path& data_dir, const Environment& environment) {
  Findings findings;
  if (CheckDataDir(data_dir, findings)) {
    CheckDisk(data_dir, findings);
    CheckStore(data_dir, findings);
    CheckServer(data_dir, environment, findings);
  }
  CheckSandboxes(findings);
  CheckCloud(environment, findings);
  for (const std::string_view name : agent::AdapterNames()) {
    const agent::Adapter& adapter = *agent::FindAdapter(name);
    if (adapter.program().empty()) continue;
    CheckAgent(adapter, environment, findings);
    CheckCredentials(adapter, environment, findings);
  }
  return findings;
}

}  // namespace vm0::cli
