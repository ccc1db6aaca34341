// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launcher_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace vm0::sandbox {
namespace {

Status SetNonBlocking(const os::Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0) return {};
  return Fail(SystemError("fcntl"));
}

}  // namespace

bool AwaitReadable(int fd, int patience_ms) {
  pollfd ready{fd, POLLIN, 0};
  int count = 0;
  do {
    count = ::poll(&ready, 1, patience_ms);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

Status CheckRunUser(std::string_view driver, const BoxSpec& spec) {
  const bool is_root = ::geteuid() == 0;
  const std::string prefix = "sandbox " + std::string(driver) + ": ";
  if (is_root && spec.run_uid.value_or(0) == 0) {
    return Fail(Code::kSandboxUnavailable,
                prefix + "an agent never runs as uid 0: the run needs a uid of its own");
  }
  if (!is_root && spec.run_uid) {
    return Fail(Code::kSandboxUnavailable,
                prefix + "only root can run an agent as uid " + std::to_string(*spec.run_uid));
  }
  return {};
}

Result<LauncherProcess> SpawnLauncher(const LaunchPlan& plan, std::map<int, int> descriptors) {
  VM0_ASSIGN(const os::Fd plan_file, os::MakeMemFile("vm0-plan", FormatPlan(plan)));
  VM0_ASSIGN(os::Pipe out, os::MakePipe());
  VM0_ASSIGN(os::Pipe err, os::MakePipe());
  VM0_ASSIGN(os::Pipe report, os::MakePipe());
  for (const os::Fd* fd : {&out.read, &err.read, &report.read}) VM0_TRY(SetNonBlocking(*fd));
  VM0_ASSIGN(const os::Fd self, os::OpenSelf());
  descriptors.insert({{1, out.write.get()},
                      {2, err.write.get()},
                      {kPlanFd, plan_file.get()},
                      {kReportFd, report.write.get()}});
  const os::SpawnOptions options{.executable = "/proc/self/fd/" + std::to_string(self.get()),
                                 .argv = {"vm0", "launch"},
                                 .environment = {},
                                 .directory = "/",
                                 .descriptors = std::move(descriptors),
                                 .new_session = true};
  VM0_ASSIGN(os::Child child, os::Spawn(options));
  return LauncherProcess{std::move(child), std::move(out.read), std::move(err.read),
                         std::move(report.read)};
}

std::string ReadReport(const LauncherProcess& launcher) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t size = 0;
  while ((size = ::read(launcher.report.get(), buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace vm0::sandbox
